// Package upstream is what stands behind a site: the servers, which of them gets a request, and how it is asked.
//
// A Group holds the servers of one site. Group.Do sends one request to one of them and returns when the head of the answer
// is there:
//
//	a, err := g.Do(ctx, &upstream.Request{Head: &head, Rewrite: w, Body: captured, Rest: rest, Interim: pass})
//	if err != nil { reply with upstream.Status(err) }
//	defer a.Close()                        // always: it gives the connection back, or ends the stream
//	write a.Head
//	for {                                  // flush what is written when !a.Buffered(): Next may wait
//		payload, done, err := a.Next()     // payload is valid until the next call
//		...
//		if done { break }
//	}
//	write a.Trailers()
//	a.EndUpload()                          // the body is no longer read: its size, trailers and anomalies are final
//
// The checked HTTP/1.1 head is the form of every message: requests that came by HTTP/2 are written down as one before they
// are handed in, and answers of HTTP/2 servers are parsed from one. HTTP/1.1 servers (plain, TLS, unix socket) are spoken to
// with edge/http1 on connections of our own, HTTP/2 ones (h2, h2c) with net/http's transport.
package upstream
