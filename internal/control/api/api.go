// Package api is the HTTP API; routes.go is its whole surface.
//
// A handler reads the request, calls one use case of control/admin and writes what comes back. Errors leave as
// problem+json (RFC 9457) by one map from error to status.
package api

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"

	"merlon/internal/control/admin"
	"merlon/internal/model/account"
)

// Options is everything the API is made from.
type Options struct {
	Admin *admin.Admin
	// Metrics answers a scrape (telemetry.Handler).
	Metrics http.Handler
	// OpenMetrics opens /metrics to everybody.
	OpenMetrics bool
	// Who, unless nil, says who asks instead of cookies and tokens: for a door that only those reach who were let in.
	Who func(*http.Request) admin.Caller
	Log *slog.Logger
}

type server struct {
	Options
	self []byte // its own description
}

// New makes the handler of everything in Routes.
func New(o Options) http.Handler {
	s := &server{Options: o, self: describe(Routes())}
	mux := http.NewServeMux()
	for _, r := range Routes() {
		mux.HandleFunc(r.Method+" "+r.Path, s.guard(r))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.fail(w, r, admin.ErrNotFound) })
	return mux
}

// guard finds out who asks, and refuses who may not before the handler runs. Whoever comes by cookie must show the proof
// of it with anything that changes something.
func (s *server) guard(route Route) http.HandlerFunc {
	needs := route.Needs
	if route.Path == "/metrics" && s.OpenMetrics {
		needs = account.Open
	}
	return func(w http.ResponseWriter, r *http.Request) {
		if needs == account.Open {
			s.answer(w, r, route)
			return
		}
		c, err := s.who(r)
		if err == nil {
			err = c.Admit(needs)
		}
		if err == nil && s.Who == nil && !c.Machine && r.Method != http.MethodGet && !admin.Proved(r, r.Header.Get("X-CSRF-Token")) {
			err = errProof
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
		s.answer(w, r.WithContext(withCaller(r.Context(), c)), route)
	}
}

func (s *server) who(r *http.Request) (admin.Caller, error) {
	if s.Who != nil {
		return s.Who(r), nil
	}
	return s.Admin.Who(r)
}

func (s *server) answer(w http.ResponseWriter, r *http.Request, route Route) {
	if err := route.handle(s, w, r); err != nil {
		s.fail(w, r, err)
	}
}

var (
	errProof = errors.New("send the X-CSRF-Token that signing in answered, or come with a token")
	errMedia = errors.New("send application/json")
	// errGone ends a live list whose reader has gone.
	errGone = errors.New("the reader has gone")
)

// read takes a JSON body; unknown members are mistakes.
func read(r *http.Request, v any) error {
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

func write(w http.ResponseWriter, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)+1))
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // the client has gone
	return nil
}
