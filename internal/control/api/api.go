// Package api is the HTTP API; routes.go is its whole surface.
//
// A handler reads the request, calls one use case of control/admin and writes what comes back. Errors leave as
// problem+json (RFC 9457) by one map from error to status. What every operation shares (who asks, limits, repeats,
// conditions, compression) is done around the handlers, and what is served is what is described.
package api

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strings"

	"merlon/internal/control/admin"
	"merlon/internal/control/api/query"
	"merlon/internal/control/api/quota"
	"merlon/internal/model/account"
)

// Options is everything the API is made from.
type Options struct {
	Admin *admin.Admin
	// Metrics answers a scrape (telemetry.Handler).
	Metrics http.Handler
	// OpenMetrics opens /metrics to everybody.
	OpenMetrics bool
	// Who, unless nil, says who asks instead of cookies and tokens: for a door that only those reach who were let in. It has
	// no limit of requests.
	Who func(*http.Request) admin.Caller
	Log *slog.Logger
}

type server struct {
	Options
	self    []byte // its own description
	buckets *quota.Buckets
	repeats *quota.Repeats
}

// ask is a request with who asks and what they ask for.
type ask struct {
	*http.Request
	caller admin.Caller
	query  *query.Query
}

// New makes the handler of everything in Routes.
func New(o Options) http.Handler {
	s := &server{Options: o, self: Description(), buckets: quota.NewBuckets(), repeats: quota.NewRepeats()}
	mux := http.NewServeMux()
	for _, r := range Routes() {
		mux.HandleFunc(r.Method+" "+r.Path, s.serve(r))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.fail(w, r, s.nothing(w, r, mux)) })
	return mux
}

// nothing says why no route took a request: there is none of the path, or none of the method.
func (s *server) nothing(w http.ResponseWriter, r *http.Request, mux *http.ServeMux) error {
	var allowed []string
	for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		probe := &http.Request{Method: m, URL: r.URL, Host: r.Host}
		if _, pattern := mux.Handler(probe); pattern != "/" && pattern != "" {
			allowed = append(allowed, m)
		}
	}
	if len(allowed) == 0 {
		return admin.ErrNotFound
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	return errMethod
}

// serve puts around a route what all share.
func (s *server) serve(route Route) http.HandlerFunc {
	if route.Path == "/metrics" && s.OpenMetrics {
		route.Needs = account.Open
	}
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			w = headOnly{w}
		}
		r.Body = http.MaxBytesReader(w, r.Body, admin.MaxBody)
		a := &ask{Request: r}
		err := s.admit(w, a, &route)
		switch {
		case err != nil:
		case r.Method == http.MethodPost && r.Header.Get("Idempotency-Key") != "" && route.Needs != account.Open:
			err = s.once(w, a, &route)
		default:
			err = route.handle(s, w, a)
		}
		if err != nil {
			s.fail(w, r, err)
		}
	}
}

// admit finds out who asks, and refuses who may not before the handler runs. Whoever comes by cookie must show the proof
// of it with anything that changes something.
func (s *server) admit(w http.ResponseWriter, a *ask, route *Route) (err error) {
	inside := strings.HasPrefix(route.Path, "/v1/") // what probes and scrapers ask for has no limit and takes any parameter
	if route.Needs != account.Open {
		a.caller, err = s.who(a.Request)
	}
	if inside && s.Who == nil {
		if tooMany := s.spend(w, a, max(route.Cost, 1)); tooMany != nil {
			return tooMany
		}
	}
	if err == nil {
		err = a.caller.Admit(route.Needs)
	}
	safe := a.Method == http.MethodGet || a.Method == http.MethodHead
	if err == nil && route.Needs != account.Open && s.Who == nil && !a.caller.Machine && !safe && !admin.Proved(a.Request, a.Header.Get("X-CSRF-Token")) {
		err = errProof
	}
	if err == nil && inside {
		a.query = query.Parse(a.URL.RawQuery, route.Query)
		err = a.query.Err
	}
	return err
}

func (s *server) who(r *http.Request) (admin.Caller, error) {
	if s.Who != nil {
		return s.Who(r), nil
	}
	return s.Admin.Who(r)
}

var (
	errProof  = errors.New("send the X-CSRF-Token that signing in answered, or come with a token")
	errMedia  = errors.New("send application/json")
	errMethod = errors.New("this address does not take that method: Allow says which")
	// errGone ends a live list whose reader has gone.
	errGone = errors.New("the reader has gone")
)

// read takes a JSON body; unknown members are mistakes.
func read(r *ask, v any) error {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return errMedia
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return err
		}
		return &admin.InputError{Field: "body", Err: err}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return &admin.InputError{Field: "body", Err: errors.New("send one JSON object")}
	}
	return nil
}
