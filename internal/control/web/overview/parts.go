package overview

import (
	"net/url"

	"github.com/a-h/templ"

	"merlon/internal/control/admin/estate"
	"merlon/internal/control/web/ui"
	"merlon/internal/model/inventory"
)

// bandBars are the severities of risk, each leading to the endpoints that have it or worse.
func bandBars(bands []estate.Count) []ui.Bar {
	counts := make([]inventory.Count, 0, len(bands))
	for _, b := range bands {
		counts = append(counts, inventory.Count{Name: b.Value, Count: uint64(max(b.Count, 0))})
	}
	out := ui.NewBars(counts, func(name string) string { return "f-" + name })
	least := map[string]string{}
	for _, b := range estate.Bands() {
		if b.Least > 0 {
			least[b.Name] = ui.Score(b.Least)
		}
	}
	for i := range out {
		if at, ok := least[out[i].Name]; ok && out[i].Count > 0 {
			out[i].Href = "/inventory?sort=risk&risk=" + at
		}
	}
	return out
}

// authParts are the shares of authentication, the best last.
func authParts(counts []estate.Count) []ui.Part {
	classes := []struct {
		auth  inventory.Authentication
		class string
	}{{inventory.AuthNone, "f-critical"}, {inventory.AuthMixed, "f-high"}, {inventory.AuthEnforced, "f-good"}, {inventory.AuthUnknown, "f-none"}}
	out := make([]ui.Part, 0, len(classes))
	for _, c := range classes {
		p := ui.Part{Name: string(c.auth), Class: c.class, Href: "/inventory?sort=risk&auth=" + string(c.auth)}
		for _, n := range counts {
			if n.Value == string(c.auth) {
				p.Count = uint64(max(n.Count, 0))
			}
		}
		out = append(out, p)
	}
	return out
}

// classLink is the endpoints that carry a class of sensitive data, or only those that answer it without a credential.
func classLink(class string, open bool) templ.SafeURL {
	q := url.Values{"class": {class}, "sort": {"risk"}}
	if open {
		q.Set("auth", string(inventory.AuthNone))
	}
	return templ.SafeURL("/inventory?" + q.Encode())
}

// authMeans says what a posture is, in words.
func authMeans(name string) string {
	switch inventory.Authentication(name) {
	case inventory.AuthNone:
		return "answers everybody"
	case inventory.AuthMixed:
		return "some without a credential"
	case inventory.AuthEnforced:
		return "only with a credential"
	default:
		return "too few successes to tell"
	}
}
