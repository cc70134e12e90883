package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"merlon/internal/control/admin"
	"merlon/internal/control/admin/people"
	"merlon/internal/control/api/quota"
)

// problem is an answer of RFC 9457.
type problem struct {
	// Type tells apart what a program can do something about; "about:blank" says no more than the status.
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Field is what the mistake is in.
	Field string `json:"field,omitempty"`
	// Ticket goes with the code that signing in asks for.
	Ticket string `json:"ticket,omitempty"`
	// Mistakes are all that is wrong with an entry of policy.
	Mistakes []mistake `json:"mistakes,omitempty"`
}

// The types of problems that a program can do something about.
const (
	problemStale  = "urn:merlon:problem:stale"   // POST /v1/session/confirm, then once more
	problemCode   = "urn:merlon:problem:code"    // POST /v1/session with ticket and code
	problemSite   = "urn:merlon:problem:site"    // the token is cut to sites: ask with site
	problemReused = "urn:merlon:problem:reused"  // the Idempotency-Key was used for something else
	problemSecret = "urn:merlon:problem:secret"  //nolint:gosec // no secret: it was done, and its secret shown, before
	problemMoved  = "urn:merlon:problem:changed" // what would be changed is not what was looked at
)

// statusOf is the one map from error to status. Errors that are not in it are faults of ours and told to operators alone.
func statusOf(err error) int {
	var (
		input     *admin.InputError
		throttled *admin.ThrottledError
		large     *http.MaxBytesError
		second    *admin.SecondStep
	)
	is := func(all ...error) bool {
		for _, e := range all {
			if errors.Is(err, e) {
				return true
			}
		}
		return false
	}
	switch {
	case errors.As(err, &input):
		return http.StatusBadRequest
	case errors.As(err, &throttled), is(admin.ErrBusy):
		return http.StatusTooManyRequests
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge
	case errors.As(err, &second), is(admin.ErrSignIn, admin.ErrCredentials, admin.ErrCode, admin.ErrPasskey):
		return http.StatusUnauthorized
	case is(admin.ErrForbidden, admin.ErrSite, admin.ErrStale, admin.ErrPassword, admin.ErrLink, admin.ErrSetup, errProof):
		return http.StatusForbidden
	case is(admin.ErrNotFound):
		return http.StatusNotFound
	case is(errMethod):
		return http.StatusMethodNotAllowed
	case is(admin.ErrLastAdmin, admin.ErrExists, admin.ErrChanged, quota.ErrUnderWay, quota.ErrSecret):
		return http.StatusConflict
	case is(errPrecondition):
		return http.StatusPreconditionFailed
	case is(errMedia):
		return http.StatusUnsupportedMediaType
	case is(quota.ErrReused):
		return http.StatusUnprocessableEntity
	default:
		return http.StatusInternalServerError
	}
}

// typeOf is a problem's type.
func typeOf(err error) string {
	var second *admin.SecondStep
	switch {
	case errors.As(err, &second):
		return problemCode
	case errors.Is(err, admin.ErrStale):
		return problemStale
	case errors.Is(err, admin.ErrSite):
		return problemSite
	case errors.Is(err, quota.ErrReused):
		return problemReused
	case errors.Is(err, quota.ErrSecret):
		return problemSecret
	case errors.Is(err, admin.ErrChanged), errors.Is(err, errPrecondition):
		return problemMoved
	default:
		return "about:blank"
	}
}

func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problem{Type: typeOf(err), Status: statusOf(err), Detail: err.Error(), Mistakes: mistakesIn(err)}
	var input *admin.InputError
	if errors.As(err, &input) {
		p.Field = input.Field
	}
	var throttled *admin.ThrottledError
	if errors.As(err, &throttled) {
		w.Header().Set("Retry-After", strconv.Itoa(throttled.Seconds()))
	} else if errors.Is(err, quota.ErrUnderWay) || errors.Is(err, admin.ErrBusy) {
		w.Header().Set("Retry-After", "1")
	}
	var second *people.SecondStep
	if errors.As(err, &second) {
		p.Ticket = second.Ticket
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
	h := w.Header()
	for _, name := range []string{"Content-Disposition", "ETag", "Content-Encoding"} {
		h.Del(name)
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(b)+1))
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(b, '\n'))
}
