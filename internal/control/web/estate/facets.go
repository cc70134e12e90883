package estate

import (
	"slices"
	"strconv"

	"github.com/a-h/templ"

	index "merlon/internal/control/admin/estate"
)

func itoa(n int) string { return strconv.Itoa(n) }

// facet is a filter with its choices as shown.
type facet struct {
	Name    string
	Open    bool // its choices are in sight
	Choices []choice
	More    int // that are not listed
}

// choice is a value of a filter: a link that sets it, or takes it away where it is chosen.
type choice struct {
	Text   string
	Count  int
	Chosen bool
	To     templ.SafeURL
	Key    string // stays the same from page to page, so that the focus does
}

// inSight is how many choices of a filter are shown before one asks for the rest.
const inSight = 6

// facets are the filters in the order in which they are asked for.
func (v *listView) facets() (out []facet) {
	byDim := map[index.Dim]index.Facet{}
	for _, f := range v.Facets {
		byDim[f.By] = f
	}
	for _, d := range []index.Dim{
		index.Site, index.Risk, index.Auth, index.Class, index.Lifecycle, index.State, index.Method, index.Access, index.Host, index.Owner, index.Label,
		index.Purpose, index.Documented, index.Seen, index.Ignored,
	} {
		f := v.facet(byDim[d])
		if d == index.Class {
			f.Choices = slices.Concat(v.facet(byDim[index.Sensitive]).Choices, f.Choices)
		}
		chosen := slices.ContainsFunc(f.Choices, func(c choice) bool { return c.Chosen })
		if len(f.Choices) == 0 || len(f.Choices) == 1 && f.Choices[0].Count == v.Total && !chosen {
			continue // nothing to choose between
		}
		f.Open = chosen || len(out) < 5
		out = append(out, f)
	}
	return out
}

func (v *listView) facet(f index.Facet) facet {
	out := facet{Name: dimName(f.By), More: f.More}
	for _, c := range f.Values {
		param, value := f.By.String(), c.Value
		switch {
		case c.Count == 0 && !c.Chosen, len(value) > index.MaxFilter:
			continue
		case (f.By == index.Sensitive || f.By == index.Ignored) && value == index.No, f.By == index.Class && value == index.None, f.By == index.Lifecycle && value == index.None:
			continue // nobody looks for these
		case f.By == index.Risk:
			value = riskValue(value)
		}
		chosen := c.Chosen && (f.By != index.Ignored || v.Q.Ignored == index.Yes)
		to := value
		if chosen {
			to = ""
		}
		out.Choices = append(out.Choices, choice{cut(valueName(f.By, c.Value), 80), c.Count, chosen, v.with(param, to, "view", ""), "f-" + param + "-" + key(value)})
	}
	return out
}

// key is a value as part of an id.
func key(s string) string {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return strconv.FormatUint(h, 36)
}

// riskValue is a band as the filter by risk takes it.
func riskValue(name string) string {
	for _, b := range index.Bands() {
		if b.Name == name {
			return strconv.FormatFloat(b.Least, 'f', -1, 64)
		}
	}
	return ""
}

// dimName is a property in words.
func dimName(d index.Dim) string {
	switch d {
	case index.Site:
		return "Site"
	case index.Host:
		return "Host"
	case index.Method:
		return "Method"
	case index.State:
		return "State"
	case index.Auth:
		return "Authentication"
	case index.Access:
		return "Access"
	case index.Lifecycle:
		return "Life cycle"
	case index.Sensitive, index.Class:
		return "Sensitive data"
	case index.Purpose:
		return "Purpose"
	case index.Owner:
		return "Owner"
	case index.Label:
		return "Label"
	case index.Documented:
		return "Description"
	case index.Ignored:
		return "Ignored"
	case index.Segment:
		return "First segment"
	case index.Risk:
		return "Risk"
	default:
		return "Last seen"
	}
}

// valueName is a value of a property in words.
func valueName(d index.Dim, value string) string {
	switch d {
	case index.Risk:
		if value == "critical" {
			return value
		}
		return value + " and above"
	case index.Seen:
		switch value {
		case "1h":
			return "in the last hour"
		case "24h":
			return "in the last day"
		case "7d":
			return "in the last 7 days"
		case "30d":
			return "in the last 30 days"
		case index.Never:
			return "never"
		}
		return "since " + value
	case index.Documented:
		if value == index.Yes {
			return "documented"
		}
		return "not documented"
	case index.Ignored:
		return "ignored only"
	case index.Sensitive:
		return "any"
	case index.Segment:
		if value == index.None {
			return "/"
		}
		return "/" + value
	}
	if value == index.None {
		return "none"
	}
	return value
}

// chip is a filter that is set, with the way to take it away.
type chip struct {
	Name, Value string
	To          templ.SafeURL
}

// chips are the filters that are set.
func (s *scene) chips() (out []chip) {
	add := func(name, value string, params ...string) {
		var pairs []string
		for _, p := range append(params, "view") {
			pairs = append(pairs, p, "")
		}
		out = append(out, chip{name, cut(value, 120), s.with(pairs...)})
	}
	values := s.Q.Values()
	for d := range index.Seen {
		value := values.Get(d.String())
		switch {
		case value == "":
		case d == index.Ignored && value == "all":
			add("Ignored", "shown too", "ignored")
		case d == index.Risk:
			add("Risk", "at least "+value, "risk")
		default:
			add(dimName(d), valueName(d, value), d.String())
		}
	}
	if q := &s.Q; q.Seen != "" {
		add("Seen", valueName(index.Seen, q.Seen), "seen")
	}
	if s.Q.First != "" {
		add("First seen", valueName(index.Seen, s.Q.First), "first")
	}
	if s.Q.Prefix != "" {
		add("Below", s.Q.Prefix, "prefix")
	}
	if s.Q.Path != "" {
		add("Path", s.Q.Path, "path")
	}
	return out
}
