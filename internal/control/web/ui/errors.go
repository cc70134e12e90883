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
	}
	for _, known := range []struct {
		err    error
		status int
	}{
		{admin.ErrCredentials, http.StatusUnauthorized},
		{admin.ErrCode, http.StatusUnauthorized},
		{admin.ErrPasskey, http.StatusUnauthorized},
		{admin.ErrPassword, http.StatusForbidden},
		{admin.ErrSetup, http.StatusForbidden},
		{admin.ErrLink, http.StatusForbidden},
		{admin.ErrLastAdmin, http.StatusConflict},
		{admin.ErrExists, http.StatusConflict},
	} {
		if errors.Is(err, known.err) {
			p.Error = Sentence(known.err)
			return known.status, true
		}
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
