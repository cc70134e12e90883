package http1_test

import (
	"fmt"

	"merlon/internal/edge/http1"
)

// A connection's bytes hold two pipelined requests; each is parsed, written afresh and its body streamed.
func Example() {
	buf := []byte("POST /orders HTTP/1.1\r\nHost: api.example\r\nConnection: X-Debug\r\nX-Debug: 1\r\nTransfer-Encoding: chunked\r\n\r\n" +
		"5\r\nhello\r\n0\r\n\r\nGET /next HTTP/1.1\r\nHost: api.example\r\nHost: evil.example\r\n\r\n")
	limits := http1.DefaultLimits()
	var (
		head http1.RequestHead
		body http1.Body
		out  []byte
	)
	for len(buf) > 0 {
		n, err := head.Parse(buf, &limits)
		if err != nil {
			fmt.Println(err)
			return
		}
		if out, err = http1.AppendRequestHead(out[:0], &head, &http1.Rewrite{}); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%q\n", out)
		body.BeginRequest(&head, &limits)
		for buf = buf[n:]; !body.Done(); {
			payload, k, _, err := body.Next(buf)
			if err != nil {
				fmt.Println(err)
				return
			}
			if len(payload) > 0 {
				fmt.Printf("%q\n", payload)
			}
			buf = buf[k:]
		}
	}
	// Output:
	// "POST /orders HTTP/1.1\r\nHost: api.example\r\nTransfer-Encoding: chunked\r\n\r\n"
	// "hello"
	// http1: refused, wire.duplicate-host: A request has more than one Host field.
}
