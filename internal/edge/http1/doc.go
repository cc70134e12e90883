// Package http1 is a strict HTTP/1.1 codec for both sides: every ambiguity is an anomaly code, never a guess.
//
// It is bytes in, bytes out: no sockets, no goroutines, no clock, and no allocation for an ordinary message. A proxy's
// connection loop keeps one read buffer, one RequestHead and one Body per client connection and does, for each message:
//
//	n, err := head.Parse(buf, &limits)    // ErrNeedMore: read behind buf and call again; RejectError: answer, close
//	body.BeginRequest(&head, &limits)     // how the body ends
//	out, err = AppendRequestHead(out, &head, &Rewrite{})   // written afresh from what was checked
//	for rest := buf[n:]; !body.Done(); {  // read more into rest when it is empty
//		payload, k, done, err := body.Next(rest)  // a slice of rest: judge it, send it on
//		rest = rest[k:]                   // when done, rest is the next request
//	}
//
// Responses go the same way through ResponseHead and AppendResponseHead; an Interim head is followed by another.
//
// A head is refused (RejectError) or accepted with notes (Head.Anomalies): model/exchange's table says which anomaly does
// what on which side, docs/reference/wire.md prints it. Nothing that two parsers could frame or route differently is
// accepted from a client. What is written never repeats a client's bytes where they frame, route or end at this hop.
package http1
