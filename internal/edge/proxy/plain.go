package proxy

import (
	"merlon/internal/edge/http1"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// plainText is what a client is told that speaks HTTP where TLS is spoken; nginx answers in the same way.
const plainText = "This port speaks TLS: ask with https://\n"

// plain answers a request that came as plain text to a TLS listener, and ends the connection. It is one event: what the client
// has sent, credentials perhaps among it, everybody on the way could read.
func (c *conn) plain() {
	if !c.nc.Busy() {
		return
	}
	c.take() // after a panic it is not used again: the transaction that contain closes points into it
	t := c.begin(c.now())
	_ = c.head.Abandon(c.nc.Early, exchange.AnomalyPlainHTTP, &c.s.o.Codec)
	c.describe(&t.Exchange)
	t.Exchange.RawHead = c.head.Raw
	t.Request()
	c.out = http1.AppendStatusLine(c.out[:0], 400, "Bad Request")
	c.out = append(c.out, "Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\nContent-Length: 40\r\n\r\n"+plainText...)
	_ = c.write(c.now(), c.out)
	c.close(t, event.OutcomeRefused, 400)
	c.linger()
	c.release()
}
