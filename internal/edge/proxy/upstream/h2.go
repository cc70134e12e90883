package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"sync/atomic"
	"time"

	"merlon/internal/edge/http1"
	"merlon/internal/edge/http1/netform"
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
	if !r.Handle.holdCancel(&x.cancel) {
		r.Handle.freeCancel(&x.cancel)
		cancel()
		return nil, ours, ErrAborted
	}
	over := false
	defer func() {
		if !over { // a panic; see ask
			cancel()
			if x.body != nil {
				x.body.end()
			}
			r.Handle.freeCancel(&x.cancel)
			s.release()
		}
	}()
	how, err := x.ask(inner, s, r)
	over = true
	if err == nil {
		r.answer = Answer{
			s: s, x: x, Head: &x.form.Head, Pause: s.g.o.Timeouts.Body, handle: r.Handle, Sent: x.wrote.Load(), Received: s.g.now(),
		}
		return &r.answer, how, nil
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
	r.Handle.freeCancel(&x.cancel)
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
				x.timer.Stop()
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
				case errors.Is(got.err, ErrLocal):
					return shortage, got.err
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

// sourceError is the error of the request's own body.
func (x *stream) sourceError() error {
	if x.body == nil {
		return nil
	}
	return x.body.failed()
}
