package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"os"
	"sync/atomic"
	"time"

	"merlon/internal/edge/http1"
	"merlon/internal/edge/http1/netform"
	"merlon/internal/model/exchange"
)

const (
	// streamWindow is what a server may make us buffer: a client that reads slowly holds so much of an answer here. net/http
	// allows 4 MB.
	streamWindow = 512 << 10
	// pingAfter is how long a connection may be silent before it is asked whether it lives, pingWithin how long the answer
	// may take: a dead one would otherwise swallow requests until the kernel gives up.
	pingAfter  = 15 * time.Second
	pingWithin = 5 * time.Second
)

// newTransport is the HTTP/2 side of s.
func newTransport(s *Server) *http.Transport {
	o := &s.g.o
	t := &http.Transport{
		DialContext: s.connectPlain, TLSClientConfig: s.target.TLS, TLSHandshakeTimeout: o.Timeouts.Connect,
		DisableCompression: true, IdleConnTimeout: idleHTTP2, MaxResponseHeaderBytes: int64(o.Codec.HeadBytes),
		Protocols: new(http.Protocols),
		HTTP2: &http.HTTP2Config{
			MaxReceiveBufferPerStream: streamWindow, SendPingTimeout: pingAfter, PingTimeout: pingWithin,
			WriteByteTimeout: o.Timeouts.Body,
		},
	}
	if t.TLSClientConfig != nil {
		t.TLSClientConfig = t.TLSClientConfig.Clone() // net/http changes it
		t.Protocols.SetHTTP2(true)
	} else {
		t.Protocols.SetUnencryptedHTTP2(true)
	}
	return t
}

// idleHTTP2 is how long a connection without streams is kept.
const idleHTTP2 = 90 * time.Second

// stream is one exchange with an HTTP/2 server.
type stream struct {
	g      *Group
	form   netform.Response
	resp   *http.Response
	body   *source
	cancel context.CancelFunc
	timer  *time.Timer
	pause  atomic.Int64
	slow   atomic.Bool // the timer ended it
	wrote  atomic.Int64
	// interim are 1xx heads on their way from the transport's reader to the goroutine that waits.
	interim chan interim

	buf      []byte
	size     int64
	done     bool
	trailers http1.Body
}

type interim struct {
	status int
	header http.Header
}

// askHTTP2 sends r and waits for the head of the answer.
func (s *Server) askHTTP2(ctx context.Context, r *Request) (*Answer, failure, error) {
	inner, cancel := context.WithCancel(ctx)
	x := &stream{g: s.g, cancel: cancel, interim: make(chan interim, maxQueued)}
	a := &Answer{s: s, x: x, Head: &x.form.Head, Pause: s.g.o.Timeouts.Body, handle: r.Handle}
	if !r.Handle.holdCancel(&cancel) {
		cancel()
		return nil, ours, ErrAborted
	}
	how, err := x.ask(inner, s, r)
	if err == nil {
		a.Sent, a.Received = x.wrote.Load(), s.g.now()
		return a, how, nil
	}
	cancel()
	if x.body != nil {
		x.body.end()
	}
	switch cause := x.sourceError(); {
	case cause != nil:
		how, err = ours, cause
	case how == ours:
	case errors.Is(err, errRefuses):
	case x.slow.Load():
		how, err = timedOut, fmt.Errorf("waiting for the answer: %w", os.ErrDeadlineExceeded)
	case r.given(ctx):
		how, err = ours, ErrAborted
	}
	r.Handle.freeCancel()
	return nil, how, err
}

// maxQueued bounds the 1xx answers that wait until the client has taken those before; what does not fit is left out.
const maxQueued = 8

// maxReached bounds the connections on which net/http tries one request. It has no bound of its own: a server that answers a
// path it dislikes with RST_STREAM(PROTOCOL_ERROR), as Go's does, would be connected to in a tight loop for as long as
// anybody waits, ten thousand times a second.
const maxReached = 3

var errRefuses = errors.New("the upstream resets the request on every connection")

// ask does the round trip. It runs on a goroutine of its own, so that 1xx answers reach the client from the one that waits:
// writing to a slow client on the transport's reader would hold all other streams of the connection.
func (x *stream) ask(ctx context.Context, s *Server, r *Request) (failure, error) {
	var reached atomic.Int32
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) {
			if reached.Add(1) > maxReached {
				x.cancel()
			}
		},
		WroteRequest: func(httptrace.WroteRequestInfo) { x.wrote.Store(x.g.now()) },
		Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
			select {
			case x.interim <- interim{code, http.Header(header)}:
			default:
			}
			return nil
		},
	})
	req, err := x.request(ctx, s, r)
	if err != nil {
		return ours, err
	}
	x.wrote.Store(x.g.now())
	x.pause.Store(int64(x.g.o.Timeouts.Connect + x.g.o.Timeouts.Response))
	x.timer = time.AfterFunc(time.Duration(x.pause.Load()), x.expire)
	type result struct {
		resp *http.Response
		err  error
	}
	done := make(chan result, 1)
	go func() {
		resp, err := s.h2.RoundTrip(req) //nolint:bodyclose // Answer.Close does
		done <- result{resp, err}
	}()
	for {
		select {
		case one := <-x.interim:
			if err := x.passInterim(one, r); err != nil {
				x.cancel()
				if got := <-done; got.err == nil {
					_ = got.resp.Body.Close()
				}
				return ours, err
			}
			continue
		case got := <-done:
			x.timer.Stop()
			if got.err != nil {
				switch n := reached.Load(); {
				case n == 0:
					return unreached, got.err
				case n > maxReached:
					return broken, errRefuses
				}
				return unanswered, got.err
			}
			for len(x.interim) > 0 {
				if err := x.passInterim(<-x.interim, r); err != nil {
					_ = got.resp.Body.Close()
					return ours, err
				}
			}
			return x.begin(got.resp, r)
		}
	}
}

// begin takes the head of the answer down.
func (x *stream) begin(resp *http.Response, r *Request) (failure, error) {
	x.resp = resp
	length := resp.ContentLength
	if len(resp.Trailer) > 0 && r.Head.MethodID != http1.MethodHead {
		length = -1 // HTTP/1.1 has trailers behind chunks only
	}
	if err := x.form.Read(resp.StatusCode, resp.Header, length, r.Head.MethodID, &x.g.o.Codec); err != nil {
		_ = resp.Body.Close()
		return broken, refusal(err, &x.form.Head)
	}
	return 0, nil
}

func (x *stream) passInterim(one interim, r *Request) error {
	if r.Interim == nil || one.status == http.StatusContinue {
		return nil
	}
	var form netform.Response
	if form.Read(one.status, one.header, -1, r.Head.MethodID, &x.g.o.Codec) != nil {
		return nil // nobody needs it
	}
	return r.Interim(&form.Head)
}

// expire is the timer's: nothing has come for as long as it may take.
func (x *stream) expire() {
	pause := time.Duration(x.pause.Load())
	if x.body != nil && x.body.moving(x.g.now(), pause) {
		x.timer.Reset(pause)
		return
	}
	x.slow.Store(true)
	x.cancel()
}

// request turns the checked head into what net/http takes: the same target byte by byte, the same end-to-end fields.
func (x *stream) request(ctx context.Context, s *Server, r *Request) (*http.Request, error) {
	h := r.Head
	host := string(h.Host)
	if len(r.Rewrite.Host) > 0 {
		host = string(r.Rewrite.Host)
	}
	if host == "" {
		host = s.host()
	}
	u := &url.URL{Scheme: "http", Host: host, Opaque: string(h.Path), RawQuery: string(h.RawQuery), ForceQuery: h.HasQuery && len(h.RawQuery) == 0}
	if s.target.TLS != nil {
		u.Scheme = "https"
	}
	if bytes.HasPrefix(h.Path, []byte("//")) {
		u.Opaque = "//" + host + u.Opaque // net/http takes two slashes for an authority and cuts it off again
	}
	req := (&http.Request{
		Method: string(h.Method), URL: u, Host: host, Header: make(http.Header, len(h.Fields)+len(r.Rewrite.Add)),
		Proto: "HTTP/2.0", ProtoMajor: 2,
	}).WithContext(ctx)
	for i := range h.Fields {
		f := &h.Fields[i]
		if f.ID == exchange.HeaderHost || f.ID == exchange.HeaderExpect || uint64(r.Rewrite.Drop)&(1<<f.ID) != 0 || !h.EndToEnd(i) {
			continue
		}
		req.Header.Add(string(f.Name), string(f.Value))
	}
	for _, f := range r.Rewrite.Add {
		req.Header.Add(string(f.Name), string(f.Value))
	}
	if !h.Has(exchange.HeaderUserAgent) {
		req.Header["User-Agent"] = nil // else net/http names itself
	}
	if h.Has(exchange.HeaderTE) {
		req.Header.Set("TE", "trailers") // gRPC servers ask for it; trailers are passed on
	}
	return req, x.setBody(req, r)
}

// setBody hands the body over: whole, when it is, so that net/http can send it again on a connection that was going away.
func (x *stream) setBody(req *http.Request, r *Request) error {
	h := r.Head
	switch {
	case r.Rest == nil && r.Trailers == nil && len(r.Body) == 0:
		req.Body = http.NoBody
		return nil
	case r.Rest == nil && h.Framing != http1.FramingChunked && int64(len(r.Body)) != max(h.ContentLength, 0):
		return errLength
	}
	x.body = &source{g: x.g, first: r.Body, rest: r.Rest, left: h.ContentLength, chunked: h.Framing == http1.FramingChunked, trailers: r.Trailers}
	req.Body, req.ContentLength = x.body, h.ContentLength
	if x.body.chunked && r.Rest == nil && r.Trailers == nil {
		req.ContentLength = int64(len(r.Body))
	}
	if r.Trailers != nil {
		req.Trailer = announced(h)
		x.body.into = req.Trailer
	}
	return nil
}

// sourceError is the error of the request's own body.
func (x *stream) sourceError() error {
	if x.body == nil {
		return nil
	}
	return x.body.failed()
}

// next is Answer.Next.
func (x *stream) next(pause time.Duration) (payload []byte, done bool, err error) {
	if x.done {
		return nil, true, nil
	}
	if x.buf == nil {
		x.buf = x.g.buffer()
	}
	x.pause.Store(int64(pause))
	x.timer.Reset(pause)
	n := 0
	for n < len(x.buf) {
		var m int
		m, err = x.resp.Body.Read(x.buf[n:])
		n += m
		if err != nil || !x.short() {
			break
		}
	}
	x.timer.Stop()
	x.size += int64(n)
	if limit := x.g.o.Codec.BodyBytes; limit > 0 && x.size > limit {
		return nil, false, http1.RejectError(exchange.AnomalyBodyTooLarge)
	}
	switch {
	case err == nil:
		return x.buf[:n], false, nil
	case isEOF(err):
		x.done = true
		return x.buf[:n], true, x.readTrailers()
	case x.slow.Load():
		err = fmt.Errorf("waiting for more of the answer: %w", os.ErrDeadlineExceeded)
	}
	return nil, false, err
}

// short tells whether the answer's body is announced and fits into one piece, which then is worth waiting for.
func (x *stream) short() bool {
	return x.resp.ContentLength >= 0 && x.resp.ContentLength < streamBuffer
}

// readTrailers has the trailers checked as those of HTTP/1.1 are.
func (x *stream) readTrailers() error {
	if len(x.resp.Trailer) == 0 {
		return nil
	}
	text := []byte("0\r\n")
	for _, name := range sortedKeys(x.resp.Trailer) {
		for _, v := range x.resp.Trailer[name] {
			text = append(append(append(append(text, name...), ": "...), v...), '\r', '\n')
		}
	}
	text = append(text, '\r', '\n')
	h := http1.ResponseHead{Head: http1.Head{Framing: http1.FramingChunked}}
	x.trailers.BeginResponse(&h, &x.g.o.Codec)
	for done := false; len(text) > 0 && !done; {
		_, n, end, err := x.trailers.Next(text)
		if err != nil {
			return err
		}
		text, done = text[n:], end
	}
	if len(text) > 0 || !x.trailers.Done() {
		return http1.RejectError(exchange.AnomalyControlCharacter) // a value that ends its own line
	}
	return nil
}

// close ends the stream; an answer that has not come to its end is reset.
func (x *stream) close() {
	x.timer.Stop()
	x.cancel()
	_ = x.resp.Body.Close()
	if x.body != nil {
		x.body.end()
	}
	if x.buf != nil {
		x.g.giveBack(x.buf)
		x.buf = nil
	}
}
