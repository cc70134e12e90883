package stream

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"merlon/internal/edge/proxy/listen"
	"merlon/internal/model/identity"
)

// HTTP3 serves HTTP/3 on one UDP socket, with quic-go. It is off unless somebody makes one. Requests take the way of those of
// HTTP/2; the order of their fields is lost, and a connection has no fingerprint but its JA4.
type HTTP3 struct {
	s         *Server
	transport *quic.Transport
	server    *http3.Server
	listener  *quic.Listener
	told      *string // what answers of HTTP/2 say of this socket
}

// errQUICFull refuses a connection beyond Limits.QUICConnections.
var errQUICFull = errors.New("stream: too many QUIC connections")

// errQUICPeer refuses a connection that has no address of its own.
var errQUICPeer = errors.New("stream: a QUIC connection from no IP address")

// NewHTTP3 listens on pc, which it does not close. Answers of HTTP/2 over TLS name its port from then on until Shutdown.
func (s *Server) NewHTTP3(pc net.PacketConn, t *listen.TLS) (*HTTP3, error) {
	h := &HTTP3{s: s}
	l := &s.o.Limits
	h.transport = &quic.Transport{
		Conn: pc, ConnContext: h.admit,
		// Addresses are made to prove themselves once half of the places are taken.
		VerifySourceAddress: func(net.Addr) bool { return s.quic.Load() > l.QUICConnections/2 },
	}
	config := t.QUIC(func(ctx context.Context, shown listen.Handshake) error {
		p, ok := ctx.Value(peerKey{}).(*peer)
		if !ok {
			return errQUICPeer
		}
		if a := s.o.Admission; a != nil && a.Listed(p.client.Addr, shown.JA4) {
			return listen.ErrRefused
		}
		p.secure, p.name, p.client.JA4 = true, shown.ServerName, shown.JA4
		return nil
	})
	var err error
	h.listener, err = h.transport.Listen(config, &quic.Config{
		HandshakeIdleTimeout: s.o.Timeouts.Head, MaxIdleTimeout: s.o.Timeouts.Idle, MaxIncomingStreams: int64(l.Streams), MaxIncomingUniStreams: 8,
		InitialStreamReceiveWindow: uint64(l.ReceiveStream), MaxStreamReceiveWindow: uint64(l.ReceiveStream),
		InitialConnectionReceiveWindow: uint64(l.ReceiveConnection), MaxConnectionReceiveWindow: uint64(l.ReceiveConnection),
	})
	if err != nil {
		return nil, errors.Join(err, h.transport.Close())
	}
	if a, ok := pc.LocalAddr().(*net.UDPAddr); ok {
		told := `h3=":` + strconv.Itoa(a.Port) + `"; ma=3600`
		h.told = &told
		s.altSvc.Store(h.told)
	}
	h.server = &http3.Server{Handler: s, MaxHeaderBytes: 2 * s.o.Codec.HeadBytes, IdleTimeout: s.o.Timeouts.Idle, ConnContext: h.identify}
	return h, nil
}

// admit begins a connection.
func (h *HTTP3) admit(ctx context.Context, info *quic.ClientInfo) (context.Context, error) {
	a, ok := info.RemoteAddr.(*net.UDPAddr)
	if !ok {
		return nil, errQUICPeer
	}
	p := &peer{client: identity.Client{Addr: a.AddrPort().Addr().Unmap(), Port: a.AddrPort().Port()}}
	p.watch.now = h.s.now
	if h.s.quic.Add(1) > h.s.o.Limits.QUICConnections {
		h.s.quic.Add(-1)
		return nil, errQUICFull
	}
	if all := h.s.o.Admission; all != nil {
		var err error
		if p.watch.place, err = all.QUIC(netip.AddrPortFrom(p.client.Addr, p.client.Port), p.endQUIC); err != nil {
			h.s.quic.Add(-1)
			return nil, err
		}
	}
	context.AfterFunc(ctx, func() {
		h.s.quic.Add(-1)
		p.watch.stop()
		if p.watch.place != nil {
			_ = p.watch.place.Close()
		}
	})
	return context.WithValue(ctx, peerKey{}, p), nil
}

// identify hands the peer on to the requests of a connection whose handshake is over.
func (h *HTTP3) identify(ctx context.Context, c *quic.Conn) context.Context {
	p, ok := c.Context().Value(peerKey{}).(*peer)
	if !ok {
		return ctx
	}
	state := c.ConnectionState().TLS
	var shown listen.Handshake
	shown.Settle(&state)
	p.client.Certificate = shown.Certificate
	p.quic.Store(c)
	if p.watch.place != nil && p.watch.place.Shed() {
		p.endQUIC() // it was not there yet
	}
	return context.WithValue(ctx, peerKey{}, p)
}

// quicShed is H3_EXCESSIVE_LOAD (RFC 9114 section 8.1).
const quicShed = 0x107

// endQUIC closes an HTTP/3 connection to make room.
func (p *peer) endQUIC() {
	if c := p.quic.Load(); c != nil {
		_ = c.CloseWithError(quicShed, "")
	}
}

// Serve serves until Shutdown.
func (h *HTTP3) Serve() error {
	err := h.server.ServeListener(h.listener)
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, quic.ErrServerClosed) || errors.Is(err, quic.ErrTransportClosed) {
		return nil
	}
	return err
}

// Shutdown lets requests under way finish, until ctx ends.
func (h *HTTP3) Shutdown(ctx context.Context) error {
	h.s.altSvc.CompareAndSwap(h.told, nil) // another socket's stays
	// From here on a client that is new hears nothing and asks again, until somebody else reads from the socket.
	err := h.listener.Close()
	return errors.Join(err, h.server.Shutdown(ctx), h.transport.Close())
}

// settleLength finds out whether a request of HTTP/3 without a length has a body: nothing else says so. Only methods that
// ordinarily have none are asked, since to ask is to wait.
func settleLength(r *http.Request) {
	if r.ProtoMajor != 3 || r.ContentLength >= 0 || r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch {
		return
	}
	var first [1]byte
	n, err := io.ReadFull(r.Body, first[:])
	if n == 0 && err == io.EOF {
		r.ContentLength = 0
		return
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(&replay{first[:n], err}, r.Body), r.Body}
}

// replay gives what was read ahead, and the error behind it.
type replay struct {
	b   []byte
	err error
}

// Read implements io.Reader.
func (r *replay) Read(p []byte) (int, error) {
	n := copy(p, r.b)
	r.b = r.b[n:]
	if len(r.b) > 0 {
		return n, nil
	}
	if r.err == nil {
		return n, io.EOF // the body follows
	}
	return n, r.err
}
