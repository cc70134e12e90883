package outline

import (
	"fmt"
	"strings"

	"merlon/internal/model/inventory"
)

// Change is one line of a comparison.
type Change struct {
	What     string `json:"what"` // added, removed, changed
	Site     string `json:"site"`
	Endpoint string `json:"endpoint"`
	Detail   string `json:"detail,omitempty"`
}

// Compare lists what was added, changed and removed between two inventories, in the order of the later one.
func Compare(old, now []inventory.Endpoint) []Change {
	key := func(e *inventory.Endpoint) string { return e.Site + " " + e.Host + " " + e.Method + " " + e.Template }
	before := make(map[string]*inventory.Endpoint, len(old))
	for i := range old {
		before[key(&old[i])] = &old[i]
	}
	changes := []Change{}
	add := func(what string, e *inventory.Endpoint, detail string) {
		changes = append(changes, Change{what, e.Site, e.Method + " " + e.Template, detail})
	}
	for i := range now {
		e := &now[i]
		was, ok := before[key(e)]
		if !ok {
			add("added", e, string(e.State))
			continue
		}
		delete(before, key(e))
		var parts []string
		for _, p := range [][3]string{
			{"state", string(was.State), string(e.State)},
			{"auth", string(was.Auth), string(e.Auth)},
			{"life cycle", strings.Join(was.Lifecycle, "+"), strings.Join(e.Lifecycle, "+")},
		} {
			if p[1] != p[2] {
				parts = append(parts, fmt.Sprintf("%s: %s -> %s", p[0], OrDash(p[1]), OrDash(p[2])))
			}
		}
		if len(parts) > 0 {
			add("changed", e, strings.Join(parts, "; "))
		}
	}
	for i := range old {
		if e, gone := before[key(&old[i])]; gone && e == &old[i] {
			add("removed", e, "")
		}
	}
	return changes
}

// OrDash is s, or a dash for nothing.
func OrDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
