package ui

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"merlon/internal/control/admin"
	"merlon/internal/model/inventory"
)

// Classes names the classes of sensitive data, each once, and at most so many before the rest is counted.
func Classes(all []inventory.Sensitive, most int) (out []string) {
	var names []string
	for _, s := range all {
		if !slices.Contains(names, s.Class) {
			names = append(names, s.Class)
		}
	}
	if len(names) <= most {
		return names
	}
	return append(names[:most:most], "+"+strconv.Itoa(len(names)-most))
}

// WarnIf is the style of a number that should be nought.
func WarnIf(n int) string {
	if n > 0 {
		return "warn"
	}
	return ""
}

// OrDash is the text, or a dash where there is none.
func OrDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// Reason is an endpoint's weightiest risk term.
func Reason(r inventory.Risk) string {
	best := inventory.RiskTerm{}
	for _, t := range r.Terms {
		if t.Value > best.Value {
			best = t
		}
	}
	return best.Name
}

// Listen is where clients are served, for empty pages.
func Listen(s admin.Status) string {
	if len(s.Listen) == 0 {
		return "the address that Merlon listens on"
	}
	return s.Listen[0]
}

// Words lists what it is given.
func Words(s ...string) []string { return s }

// Joined lists what there is, with dots between.
func Joined(parts ...string) string {
	var out []string
	for _, s := range parts {
		if s != "" {
			out = append(out, s)
		}
	}
	return strings.Join(out, " · ")
}

// OrElse is what was typed, or what stands there at first.
func OrElse(typed url.Values, key, otherwise string) string {
	if typed.Has(key) {
		return typed.Get(key)
	}
	return otherwise
}
