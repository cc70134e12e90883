package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"merlon/internal/control/admin"
)

// problem is an answer of RFC 9457.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Field is what the mistake is in.
	Field string `json:"field,omitempty"`
}

// statusOf is the one map from error to status. Errors that are not in it are faults of ours and told to operators alone.
func statusOf(err error) int {
	var (
		input     *admin.InputError
		throttled *admin.ThrottledError
		large     *http.MaxBytesError
		second    *admin.SecondStep
	)
	switch {
	case errors.As(err, &input):
		return http.StatusBadRequest
	case errors.As(err, &throttled), errors.Is(err, admin.ErrBusy):
		return http.StatusTooManyRequests
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge
	case errors.As(err, &second), errors.Is(err, admin.ErrSignIn), errors.Is(err, admin.ErrCredentials), errors.Is(err, admin.ErrCode):
		return http.StatusUnauthorized
	case errors.Is(err, admin.ErrForbidden), errors.Is(err, admin.ErrSite), errors.Is(err, admin.ErrStale), errors.Is(err, admin.ErrSetup), errors.Is(err, errProof):
		return http.StatusForbidden
	case errors.Is(err, admin.ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, errMedia):
		return http.StatusUnsupportedMediaType
	default:
		return http.StatusInternalServerError
	}
}

func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problem{Type: "about:blank", Status: statusOf(err), Detail: err.Error()}
	var input *admin.InputError
	if errors.As(err, &input) {
		p.Field = input.Field
	}
	var throttled *admin.ThrottledError
	if errors.As(err, &throttled) {
		w.Header().Set("Retry-After", strconv.Itoa(throttled.Seconds()))
	}
	switch {
	case p.Status == http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="merlon"`)
		if errors.Is(err, admin.ErrCredentials) {
			p.Detail = admin.ErrCredentials.Error()
		}
	case p.Status == http.StatusInternalServerError:
		if errors.Is(err, context.Canceled) {
			return // the client has gone
		}
		s.Log.Error("API request failed", "method", r.Method, "path", r.URL.Path, "cause", err)
		p.Detail = "the log of the server says more"
		if text, ok := admin.DiskFull(err); ok {
			p.Detail = text
		}
	}
	p.Title = http.StatusText(p.Status)
	b, err := json.Marshal(p)
	if err != nil {
		b = []byte("{}")
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(b, '\n'))
}

type callerKey struct{}

func withCaller(ctx context.Context, c admin.Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// caller is who the guard found; nobody on open routes.
func caller(r *http.Request) admin.Caller {
	c, _ := r.Context().Value(callerKey{}).(admin.Caller)
	return c
}
