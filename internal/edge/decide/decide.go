// Package decide answers for another proxy: forward-auth for nginx (auth_request), Traefik and Caddy.
//
// The other proxy sends the head of each request and waits. 204 lets the request pass, with the tag of policy's tagging
// rules in Merlon-Tag; any other answer refuses it. Two paths say how the request is told of; the operator chooses one in
// the other proxy's configuration, so that no client can:
//
//	/original   X-Original-URI, X-Original-Method, X-Original-Host, X-Real-IP: nginx. Refusals are 403, the only status
//	            that auth_request passes on.
//	/forwarded  X-Forwarded-Uri, X-Forwarded-Method, X-Forwarded-Host, X-Forwarded-For: Traefik, Caddy
//
// Each of the four must be there once and say something, or the answer is 400, which every asking program takes for a
// refusal: what is judged by less than was asked about may pass where it may not.
//
// Only trusted networks are answered. What the upstream says is never seen here, so it is unknown, not absent.
package decide

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"merlon/internal/edge/http1"
	"merlon/internal/edge/http1/netform"
	"merlon/internal/enforce/action"
	"merlon/internal/enforce/engine"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// Options is everything a Handler is made from.
type Options struct {
	Engine *engine.Engine
	// Trusted are the networks that are answered; with none it is this machine alone.
	Trusted []netip.Prefix
	// Site takes every request; empty lets the host of each choose.
	Site string
	// Codec are the limits of a legal head.
	Codec http1.Limits
	Now   func() time.Time
	Log   *slog.Logger
}

// EventHeader is the answer's field with the event's id: what a page for refused callers may show.
const EventHeader = "Merlon-Event"

// sees is what another proxy tells of a request: no body, no order of fields, and no answer.
const sees = exchange.SawRequestLine | exchange.SawRequestHeaders | exchange.SawClient | exchange.SawCredentials | exchange.SawUserAgent

// Handler answers other proxies. It is safe for concurrent use.
type Handler struct {
	o               Options
	pool            sync.Pool // of *netform.Request
	stranger, wrong atomic.Bool
}

// New makes a Handler.
func New(o Options) *Handler {
	o.Codec = o.Codec.Filled()
	h := &Handler{o: o}
	h.pool.New = func() any { return new(netform.Request) }
	return h
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !netform.Trusts(h.o.Trusted, r.RemoteAddr) {
		h.once(&h.stranger, "a program asked that is not in decide.from; it is refused", r)
		h.plain(w, http.StatusForbidden)
		return
	}
	read, refusal := netform.Forwarded, 0
	switch r.URL.Path {
	case "/original":
		read, refusal = netform.Original, http.StatusForbidden
	case "/forwarded":
	default:
		h.plain(w, http.StatusNotFound)
		return
	}
	told, err := read(r)
	if err != nil {
		h.once(&h.wrong, "a program asks without saying what was asked for (docs/guides): "+err.Error(), r)
		h.untold(w, err)
		return
	}
	h.judge(w, r, &told, refusal)
}

// judge takes the request through the engine. refusal, when it is not 0, is the one status for refusing.
func (h *Handler) judge(w http.ResponseWriter, r *http.Request, told *netform.Told, refusal int) {
	f := h.pool.Get().(*netform.Request)
	defer h.pool.Put(f)
	told.Line.Length, told.Line.Announced = 0, false // the body stays with the other proxy
	err := f.Read(&told.Line, r.Header, told.Without, &h.o.Codec)
	t := h.o.Engine.Begin(h.o.Now().UnixNano())
	x := &t.Exchange
	x.Source, x.Observed, x.Site = exchange.SourceDecide, sees, h.o.Site
	told.Describe(x, f)
	reply := t.Request()
	var reject http1.RejectError
	if errors.As(err, &reject) {
		reply = action.Reply{Kind: action.Block, Status: reject.Status()}
	}
	id, _ := t.ID().MarshalText()
	answer := w.Header()
	answer[EventHeader] = []string{string(id)}
	if reply.Forwarded() {
		if reply.Kind == action.Tag {
			answer.Set(action.TagHeader, reply.Tag)
		}
		w.WriteHeader(http.StatusNoContent)
		t.Close(event.OutcomeNotForwarded, 0)
		return
	}
	status := reply.Status
	if refusal != 0 {
		status = refusal
	}
	if reply.RetryAfter > 0 {
		answer.Set("Retry-After", strconv.Itoa(reply.RetryAfter))
	}
	answer.Set("Content-Type", action.ProblemType)
	answer.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	var problem [256]byte
	_, _ = w.Write(action.AppendProblem(problem[:0], status, t.ID()))
	t.Close(event.OutcomeRefused, status)
}

// plain answers the program itself, about no exchange.
func (h *Handler) plain(w http.ResponseWriter, status int) {
	http.Error(w, action.Title(status), status)
}

// untold answers a program that is not set up as its recipe says. The document is about no exchange, so it has no
// instance; detail names the field and holds nothing that was sent.
func (h *Handler) untold(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", action.ProblemType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{"about:blank", action.Title(http.StatusBadRequest), http.StatusBadRequest, err.Error()})
}

// once warns about a fault of somebody's configuration the first time: it would fill the log.
func (h *Handler) once(told *atomic.Bool, text string, r *http.Request) {
	if !told.Swap(true) {
		h.o.Log.Warn(text, "peer", r.RemoteAddr)
	}
}
