// Package action is what is done, as a plain value every edge can carry out.
//
// A Reply says it all: the proxy writes it to the wire, an out-of-band source records it, another proxy's adapter encodes
// it. So every action works on every edge, and none of them does I/O.
package action

import (
	"strconv"

	"merlon/internal/model/event"
)

// Kind is an action of the policy language. The order is the order of severity: when several entries apply, the highest
// that is enforced is done.
type Kind uint8

const (
	// Allow passes the exchange on.
	Allow Kind = iota
	// Tag passes it on and names the rule to the upstream in the Merlon-Tag request header.
	Tag
	// Block answers in the upstream's stead.
	Block
)

// kinds is the policy language's words for what can be done, in the order of Kind.
var kinds = [...]string{"allow", "tag", "block"}

// String is the word of the policy language and of verdict lines.
func (k Kind) String() string {
	if int(k) < len(kinds) {
		return kinds[k]
	}
	return "unknown"
}

// ParseKind reads the word.
func ParseKind(s string) (Kind, bool) {
	for i, w := range kinds {
		if w == s {
			return Kind(i), true
		}
	}
	return Allow, false
}

// TagHeader is the request header that carries the names of tagging rules upstream. A client's own copy is removed.
const TagHeader = "Merlon-Tag"

// Reply is what an edge has to do.
type Reply struct {
	Kind Kind
	// Status is the status to answer with when Kind is Block.
	Status int
	// Tag is the value of TagHeader when Kind is Tag.
	Tag string
	// RetryAfter, in seconds, goes with 429 and 503 when it is not 0.
	RetryAfter int
}

// Forwarded tells whether the exchange goes on to the upstream.
func (r Reply) Forwarded() bool { return r.Kind < Block }

// ProblemType is the media type of every answer Merlon gives itself (RFC 9457).
const ProblemType = "application/problem+json"

// AppendProblem appends the problem document that a refused caller gets: type, title, status and the event's id as
// instance, and nothing that would help an attacker.
func AppendProblem(dst []byte, status int, id event.ID) []byte {
	dst = append(dst, `{"type":"about:blank","title":"`...)
	dst = append(dst, Title(status)...)
	dst = append(dst, `","status":`...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, `,"instance":"`...)
	dst, _ = id.AppendText(dst)
	return append(dst, `"}`...)
}

// Title is the reason phrase of a status that Merlon answers with. Unlike net/http's table it never is empty.
func Title(status int) string {
	switch status {
	case 400:
		return "Bad Request"
	case 403:
		return "Forbidden"
	case 404:
		return "Not Found"
	case 405:
		return "Method Not Allowed"
	case 408:
		return "Request Timeout"
	case 413:
		return "Content Too Large"
	case 414:
		return "URI Too Long"
	case 417:
		return "Expectation Failed"
	case 421:
		return "Misdirected Request"
	case 429:
		return "Too Many Requests"
	case 431:
		return "Request Header Fields Too Large"
	case 500:
		return "Internal Server Error"
	case 501:
		return "Not Implemented"
	case 502:
		return "Bad Gateway"
	case 503:
		return "Service Unavailable"
	case 504:
		return "Gateway Timeout"
	case 505:
		return "HTTP Version Not Supported"
	default:
		return "Request Refused"
	}
}
