package merlon

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/netip"
	"strconv"

	"merlon/internal/edge/http1"
	"merlon/internal/edge/http1/netform"
	"merlon/internal/enforce/action"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/model/identity"
)

// sees is what net/http shows of an exchange: everything but the bytes as they were sent.
const sees = exchange.SawAll &^ (exchange.SawHeaderOrder | exchange.SawWire)

// tagField is the canonical name of the field that carries what policy tells the handler.
var tagField = http.CanonicalHeaderKey(action.TagHeader)

// scratch is the memory of one exchange; it goes back to the pool when the exchange's event is made.
type scratch struct {
	request  netform.Request
	response netform.Response
	// body and answer are the captured beginnings, copying is the buffer of ReadFrom.
	body, answer, copying []byte
	problem               [256]byte
}

// maxKept is how much of a captured body is kept as memory for the next one.
const maxKept = 64 << 10

func (g *Guard) release(s *scratch) {
	if cap(s.body) > maxKept {
		s.body = nil
	}
	if cap(s.answer) > maxKept {
		s.answer = nil
	}
	g.pool.Put(s)
}

// serve takes one request through the engine and the handler.
func (g *Guard) serve(next http.Handler, w http.ResponseWriter, r *http.Request) {
	arrived := g.now().UnixNano()
	s := g.pool.Get().(*scratch)
	v := &visit{g: g, s: s, w: w, t: g.core.Engine.Begin(arrived), start: arrived}
	line := netform.LineOf(r)
	err := s.request.Read(&line, r.Header, nil, &g.limits)
	x := &v.t.Exchange
	netform.Describe(x, &s.request.Head)
	x.Source, x.Observed = exchange.SourceMiddleware, sees
	x.Client.Addr, x.Client.Port = peer(r.RemoteAddr)
	if !x.Client.Addr.IsValid() {
		x.Observed &^= exchange.SawClient
	}
	x.Client.Certificate = certificate(r.TLS)
	if err != nil {
		v.refuseHead(err)
		return
	}
	v.method = s.request.Head.MethodID
	v.hold(r)
	reply := v.t.Request()
	if !reply.Forwarded() {
		v.refuse(reply)
		return
	}
	delete(r.Header, tagField)
	if reply.Kind == action.Tag {
		r.Header[tagField] = []string{reply.Tag}
	}
	v.start = g.now().UnixNano()
	// Not recovered from: a handler's panic goes on with its own stack, and the event says that there was no answer.
	defer v.returned(r.Context())
	next.ServeHTTP(v.writer(), r)
	v.calm = true
}

// certificate is the client's where crypto/tls has verified it. One that was merely shown proves nothing: anybody can make
// one in anybody's name.
func certificate(state *tls.ConnectionState) identity.Certificate {
	if state == nil || len(state.VerifiedChains) == 0 || len(state.VerifiedChains[0]) == 0 {
		return identity.Certificate{}
	}
	name, _ := identity.CertificateName(state.VerifiedChains[0][0])
	return identity.CertificateOf(name)
}

// peer reads http.Request.RemoteAddr: an address with its port, or without one where a handler in front has replaced it.
// A unix socket has none.
func peer(s string) (netip.Addr, uint16) {
	if p, err := netip.ParseAddrPort(s); err == nil {
		return p.Addr().Unmap().WithZone(""), p.Port()
	}
	a, _ := netip.ParseAddr(s)
	return a.Unmap().WithZone(""), 0
}

// refuseHead deals with a head that the codec does not accept.
func (v *visit) refuseHead(err error) {
	status := http.StatusBadRequest
	var reject http1.RejectError
	if errors.As(err, &reject) {
		status = reject.Status()
	}
	v.t.Exchange.RawHead = v.s.request.Head.Raw
	v.t.Request()
	v.refuse(action.Reply{Kind: action.Block, Status: status})
}

// refuse answers in the handler's stead.
func (v *visit) refuse(r action.Reply) {
	h := v.w.Header()
	h.Set("Content-Type", action.ProblemType)
	h.Set("Cache-Control", "no-store")
	if r.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(r.RetryAfter))
	}
	problem := action.AppendProblem(v.s.problem[:0], r.Status, v.t.ID())
	h.Set("Content-Length", strconv.Itoa(len(problem)))
	v.w.WriteHeader(r.Status)
	if v.method != http1.MethodHead {
		_, _ = v.w.Write(problem) // to a client that is gone there is nothing to say
	}
	v.finish(event.OutcomeRefused, r.Status)
}
