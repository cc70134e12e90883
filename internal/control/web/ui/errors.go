package ui

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"merlon/internal/control/admin"
)

// Refused puts a refusal on the form it came from, and tells whether it belongs there.
func Refused(w http.ResponseWriter, p *Page, err error) (status int, ok bool) {
	var (
		input     *admin.InputError
		throttled *admin.ThrottledError
	)
	switch {
	case errors.As(err, &input):
		p.Error = Sentence(input.Err)
		return http.StatusBadRequest, true
	case errors.As(err, &throttled):
		w.Header().Set("Retry-After", strconv.Itoa(throttled.Seconds()))
		p.Error = Sentence(throttled)
		return http.StatusTooManyRequests, true
	case errors.Is(err, admin.ErrCredentials):
		p.Error = Sentence(admin.ErrCredentials)
		return http.StatusUnauthorized, true
	case errors.Is(err, admin.ErrSetup):
		p.Error = Sentence(admin.ErrSetup)
		return http.StatusForbidden, true
	}
	return 0, false
}

// Sentence is an error as a sentence.
func Sentence(err error) string {
	s := err.Error()
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}
