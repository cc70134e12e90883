package tour

import (
	"fmt"
	"net/url"
	"strconv"

	"merlon/internal/control/admin"
	"merlon/internal/control/web/ui"
)

// stop is a page and what is to be seen there. lead is what the button that goes there says.
type stop struct{ path, lead, title, text string }

// stops tell t. Those that need what t does not know are left out.
func stops(t *admin.Tour) []stop {
	e := &t.Endpoint
	name := e.Method + " " + e.Template
	id := strconv.FormatUint(uint64(e.ID), 10)
	out := []stop{{
		"/inventory?" + url.Values{"lifecycle": {"shadow"}, "access": {"write"}, "sort": {"risk"}}.Encode(), "Show me",
		"Writes that nobody described",
		"These operations change data, succeed, and stand in no uploaded description. Nobody asked a developer: they appeared here with their first success. Filters are part of the address, so this list can be bookmarked, shared and saved as a viet.",
	}, {
		"/inventory/" + id, "When did it appear?",
		name + " first succeeded " + e.FirstSeen.UTC().Format("2 January 15:04 MST"),
		fmt.Sprintf("It has answered %s since. What it takes and answers was learned from traffic; each term of its risk says why it counts and how to mend it. %s", ui.Plural(e.Requests, "request", "requests"), confirmed(e.State == "confirmed")),
	}}
	if v := t.Writer; v != nil {
		text := fmt.Sprintf("Principal %s wrote here %s, first on %s.", v.Principal, ui.Plural(v.Count, "time", "times"), v.First.UTC().Format("2 January 15:04 MST"))
		title := "Who wrote"
		if v.NeverBefore {
			title = "It had never written before"
			text += fmt.Sprintf(" Since %s it had only read, %s: a key whose holder changed, or a right that is too wide.", v.Since.UTC().Format("2 January 15:04 MST"), ui.Plural(v.Reads, "time", "times"))
		}
		out = append(out, stop{"/inventory/" + id + "#writers", "Who used it?", title, text})
	}
	if n := len(t.Events); n > 0 {
		q := url.Values{"endpoint": {id}}
		if t.Writer != nil {
			q.Set("principal", t.Writer.Principal)
		}
		out = append(out, stop{
			"/activity?" + q.Encode(), "From where?",
			fmt.Sprintf("One principal, %s, %s", ui.Plural(t.Addresses, "address", "addresses"), ui.Plural(t.Countries, "country", "countries")),
			"Blocking addresses would miss the next one. What stays the same is who it acts for, and what its client is. Every value here is a filter: click one to follow it.",
		}, stop{
			"/activity/" + t.Events[0].ID, "Why this verdict?",
			"Every verdict explains itself",
			"Step by step: what each stage saw, what it found, which rule decided. Copy the exchange and replay it with merlon inspect: the same engine gives the same verdict.",
		})
	}
	return append(out, stop{
		"/inventory/" + id + "#act", "What can I do?",
		"Decide",
		"Describe it if it is meant, or stop it: block it here in watch mode first to see whom it would hit, then enforce. Both can be undone, and both stand in the audit log.",
	})
}

func confirmed(yes bool) string {
	if yes {
		return "Enough independent callers stand behind it: it is confirmed."
	}
	return "It is a candidate: listed and scored, never enforced, until enough independent callers stand behind it."
}
