package activity

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"merlon/internal/control/admin"
	"merlon/internal/model/event"
	"merlon/internal/model/finding"
)

// filter is the conditions of a page, as its address has them.
type filter struct {
	url.Values
	at string // the path of the list
}

// newFilter takes the conditions that have a value from a query; pages and the like are left out.
func newFilter(in url.Values) filter {
	f := filter{url.Values{}, "/activity"}
	for _, p := range admin.EventParameters() {
		if v := strings.TrimSpace(in.Get(p.Name)); v != "" {
			f.Set(p.Name, v)
		}
	}
	return f
}

// with is the list with one more condition, without with one less; others stay.
func (f filter) with(name, value string) templ.SafeURL {
	out := f.clone()
	out.Set(name, value)
	return out.link()
}

func (f filter) without(names ...string) templ.SafeURL {
	out := f.clone()
	for _, n := range names {
		out.Del(n)
	}
	return out.link()
}

func (f filter) clone() filter {
	out := filter{url.Values{}, f.at}
	for k, v := range f.Values {
		out.Values[k] = v
	}
	return out
}

func (f filter) link() templ.SafeURL { return templ.SafeURL(f.to(f.at, "", "")) }

// to is another address with the same conditions, and one thing more unless it is empty.
func (f filter) to(path, name, value string) string {
	out := f.clone()
	if name != "" {
		out.Set(name, value)
	}
	if q := out.Encode(); q != "" {
		return path + "?" + q
	}
	return path
}

// chip is a condition as shown.
type chip struct{ Name, Label, Value string }

func (f filter) chips() (out []chip) {
	for _, p := range admin.EventParameters() {
		if v := f.Get(p.Name); v != "" {
			out = append(out, chip{p.Name, p.Label, v})
		}
	}
	return out
}

// understand reads what somebody typed: name:value for any condition, or a value that says by its form what it is. It
// returns the id of an event when it is one.
func (f filter) understand(typed string) (id string) {
	for _, word := range strings.Fields(typed) {
		name, value, ok := strings.Cut(word, ":")
		if ok && value != "" && known(strings.ToLower(name)) {
			f.Set(strings.ToLower(name), value)
			continue
		}
		stage, _, dotted := strings.Cut(word, ".")
		_, isStage := finding.ParseStage(stage)
		_, notAddress := netip.ParseAddr(word)
		_, notNetwork := netip.ParsePrefix(word)
		_, notID := event.ParseID(word)
		_, notNumber := strconv.Atoi(strings.TrimSuffix(strings.ToLower(word), "xx"))
		switch {
		case notID == nil:
			return word
		case notAddress == nil || notNetwork == nil:
			f.Set("address", word)
		case notNumber == nil && (len(word) == 3):
			f.Set("status", strings.ToLower(word))
		case strings.HasPrefix(word, "principal:"), strings.HasPrefix(word, "session:"), strings.HasPrefix(word, "fingerprint:"), strings.HasPrefix(word, "network:"):
			f.Set("actor", word)
		case dotted && isStage:
			f.Set("finding", word)
		default:
			f.Set("path", word)
		}
	}
	return ""
}

func known(name string) bool {
	for _, p := range admin.EventParameters() {
		if p.Name == name {
			return true
		}
	}
	return false
}
