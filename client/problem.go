package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Problem is a refusal of the API (RFC 9457). Use errors.As for its members, errors.Is for the kinds below.
type Problem struct {
	// Type tells apart what a program can do something about; "about:blank" says no more than Status.
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	// Field is what the mistake is in.
	Field string `json:"field"`
	// Mistakes are all that is wrong with an entry of policy.
	Mistakes []Mistake `json:"mistakes"`
	// RetryAfter is how long the server wants to be left alone, 0 when it does not say.
	RetryAfter time.Duration `json:"-"`
}

// Kinds of problems, for errors.Is.
var (
	ErrInvalid      = errors.New("merlon: the request is wrong")                // 400, 422
	ErrUnauthorized = errors.New("merlon: no token, or one that has ended")     // 401
	ErrForbidden    = errors.New("merlon: the token does not permit this")      // 403
	ErrNotFound     = errors.New("merlon: not found")                           // 404
	ErrConflict     = errors.New("merlon: the state is another than supposed")  // 409
	ErrChanged      = errors.New("merlon: somebody has changed it since")       // 412
	ErrThrottled    = errors.New("merlon: too many requests")                   // 429
	ErrServer       = errors.New("merlon: the server failed; its log says why") // 5xx
)

func (p *Problem) Error() string {
	text := p.Detail
	if text == "" {
		text = p.Title
	}
	return fmt.Sprintf("merlon: %d: %s", p.Status, text)
}

// Is tells whether the problem is of a kind.
func (p *Problem) Is(target error) bool {
	switch target {
	case ErrInvalid:
		return p.Status == http.StatusBadRequest || p.Status == http.StatusUnprocessableEntity
	case ErrUnauthorized:
		return p.Status == http.StatusUnauthorized
	case ErrForbidden:
		return p.Status == http.StatusForbidden
	case ErrNotFound:
		return p.Status == http.StatusNotFound
	case ErrConflict:
		return p.Status == http.StatusConflict
	case ErrChanged:
		return p.Status == http.StatusPreconditionFailed
	case ErrThrottled:
		return p.Status == http.StatusTooManyRequests
	case ErrServer:
		return p.Status >= http.StatusInternalServerError
	}
	return false
}

// maxProblem bounds what is read of a refusal.
const maxProblem = 64 << 10

// problemOf reads a refusal, also of what stands before a Merlon and speaks otherwise.
func problemOf(resp *http.Response) error {
	defer resp.Body.Close()
	p := &Problem{}
	if b, err := io.ReadAll(io.LimitReader(resp.Body, maxProblem)); err != nil || json.Unmarshal(b, p) != nil {
		p = &Problem{Type: "about:blank"}
	}
	p.Status = resp.StatusCode
	if p.Title == "" {
		p.Title = http.StatusText(p.Status)
	}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		p.RetryAfter = time.Duration(min(s, 1<<20)) * time.Second
	}
	return p
}
