package query

import (
	"strings"

	"merlon/internal/control/admin"
	"merlon/internal/control/admin/estate"
)

func Profile() []Parameter {
	return []Parameter{{"seconds", "integer", "how long to watch; 1 by default, 25 at most"}}
}

func Pages() []Parameter {
	return []Parameter{{"limit", "integer", "entries a page, 1 to 500; 100 by default"}, {"cursor", "string", "next_cursor of the page before"}}
}

func Series() []Parameter {
	return []Parameter{
		{"site", "string", "only this site"},
		{"endpoint", "integer", "only this endpoint's id"},
		{"from", "string", "RFC 3339; an hour before to by default"},
		{"to", "string", "RFC 3339; now by default"},
		{"step", "integer", "seconds, a multiple of 10; 60 by default"},
	}
}

func Changes() []Parameter {
	return []Parameter{{"since", "string", "RFC 3339; when the caller last looked, or a day ago, by default"}, {"limit", "integer", "endpoints listed, 1 to 50; 50 by default"}}
}

// filterQuery is what selects endpoints.
func Filter() []Parameter {
	const none = "; - for those without one"
	return []Parameter{
		{"site", "string", "only this site"},
		{"host", "string", "only this host"},
		{"method", "string", "only this method"},
		{"state", "string", "candidate, confirmed or unseen"},
		{"auth", "string", "none, mixed, enforced or unknown"},
		{"access", "string", "read or write"},
		{"lifecycle", "string", "only with this badge, such as shadow" + none},
		{"sensitive", "boolean", "only with sensitive data"},
		{"class", "string", "only with this class of sensitive data" + none},
		{"purpose", "string", "only of this purpose" + none},
		{"owner", "string", "only this owner's" + none},
		{"label", "string", "only with this label" + none},
		{"documented", "string", "yes or no"},
		{"ignored", "string", "yes for ignored ones, all for both; they are left out otherwise"},
		{"segment", "string", "only with this first segment of the path"},
		{"risk", "number", "only with at least this risk, 0 to 100"},
		{"seen", "string", "only seen since 24h, 7d or 2026-11-01, or never"},
		{"first", "string", "only first seen since 24h, 7d or 2026-11-01"},
		{"prefix", "string", "only this path and those below it"},
		{"path", "string", "only exactly this path"},
		{"q", "string", "words that stand in method, template, host, owner, purpose or labels"},
	}
}

func Inventory() []Parameter {
	return append(append(Pages(), Filter()...),
		Parameter{"facets", "boolean", "count what each value of each filter would leave"},
		Parameter{"sort", "string", strings.Join(admin.Sorts(), ", ")})
}

func Group() []Parameter {
	return append(append(Pages(), Filter()...),
		Parameter{"by", "string", strings.Join(groupings(), ", ") + "; site by default"},
		Parameter{"sort", "string", "endpoints (the default), risk, requests or last_seen"})
}

func Tree() []Parameter {
	return append(Filter(),
		Parameter{"size", "string", "by what boxes are sized: endpoints (the default) or requests"},
		Parameter{"lines", "integer", "height of the picture in lines of text, 1 to 80; 34 by default"},
		Parameter{"depth", "integer", "levels, 1 to 5; 4 by default"})
}

func Export() []Parameter {
	return append(Filter(), Parameter{"format", "string", "json (the default), csv or openapi"})
}

func View() []Parameter {
	return append(Pages(), Parameter{"room", "string", strings.Join(admin.Rooms(), " or ") + "; both by default"})
}

// eventQuery is every condition on events, and more.
func Event(more ...Parameter) []Parameter {
	for _, p := range admin.EventParameters() {
		kind := "string"
		if p.Name == "endpoint" || p.Name == "asn" {
			kind = "integer"
		}
		more = append(more, Parameter{p.Name, kind, p.Label + ": " + p.Hint})
	}
	return more
}

func Audit() []Parameter {
	return []Parameter{
		{"actor", "string", "only by this account or token"},
		{"action", "string", "only this action, or all of a noun with a dot at its end: token."},
		{"target", "string", "only with this in the target"},
		{"since", "string", "only from this time on (RFC 3339)"},
		{"until", "string", "only before this time (RFC 3339)"},
	}
}

func groupings() []string {
	var out []string
	for _, d := range estate.GroupDims() {
		out = append(out, d.String())
	}
	return out
}
