package upstream

import (
	"net"

	"merlon/internal/edge/proxy/upstream/link"
)

// ErrClosed says that the server ended the connection instead of answering, or in the middle of its answer.
var ErrClosed = link.ErrClosed

// conn is a connection to a server. It has one owner: the exchange that took it from Server.take, until Answer.Close or a
// failure of ask. Two others can close it while it is in use: whoever holds the request's Handle, and the goroutine that sends
// the request's body. It becomes idle only when neither can reach it any more, and neither has closed it: see Answer.Close.
type conn struct{ link.Conn }

func newConn(nc net.Conn) (*conn, error) {
	c := new(conn)
	return c, c.Init(nc)
}
