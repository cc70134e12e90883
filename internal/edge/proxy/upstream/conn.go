package upstream

import (
	"net"

	"merlon/internal/edge/proxy/upstream/link"
)

// ErrClosed says that the server ended the connection instead of answering, or in the middle of its answer.
var ErrClosed = link.ErrClosed

// conn is a connection with the answer that is handed out while it is in use.
type conn struct {
	link.Conn
	answer Answer
}

func newConn(nc net.Conn) (*conn, error) {
	c := new(conn)
	return c, c.Init(nc)
}
