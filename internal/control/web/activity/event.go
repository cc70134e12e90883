package activity

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"merlon/internal/control/admin"
	"merlon/internal/control/admin/story"
	"merlon/internal/control/web/ui"
)

func (s *room) event(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	told, err := s.Admin.EventStory(r.Context(), p.Caller, r.PathValue("id"))
	if err != nil {
		return err
	}
	p.Title, p.Active = "Event "+told.ID, "activity"
	return show(w, r, http.StatusOK, eventPage(p, eventView{told, s.Admin.Now(), newFilter(url.Values{})}))
}

// eventView is the page of one event.
type eventView struct {
	admin.Story
	Now  time.Time
	none filter
}

// target is something that can be blocked from an event.
type target struct{ Kind, Value, Text, About string }

// targets are what an event offers to block. A claimed principal is not among them: anybody could claim it.
func (v eventView) targets() (out []target) {
	if v.Address != "" {
		out = append(out, target{"address", v.Address, "Block this address", "Refuses everything from " + v.Address + ", at once."})
	}
	if v.Fingerprint != "" {
		out = append(out, target{"fingerprint", v.Fingerprint, "Block this fingerprint", "Refuses every client that looks the same: fingerprint " + v.Fingerprint + "."})
	}
	if token, ok := strings.CutPrefix(v.Actor, "principal:"); ok {
		out = append(out, target{"principal", token, "Block this principal", "Refuses everything in the name of this principal, from wherever it comes."})
	}
	if v.EndpointID != 0 {
		out = append(out, target{"endpoint", numbered(v.EndpointID), "Block this endpoint", "Refuses every call of " + v.Endpoint() + ", whoever makes it."})
	}
	return out
}

// verdict says in a sentence what was decided.
func (v eventView) verdict() string {
	text := map[string]string{"allow": "Allowed", "block": "Blocked", "tag": "Tagged and passed on"}[v.Action]
	if text == "" {
		text = v.Action
	}
	if v.Would != "" && v.Would != v.Action {
		text += "; enforcement would have chosen " + v.Would
	}
	if v.Rule != "" {
		text += ", by " + v.Rule
	}
	return text + "."
}

// stageTitle is what a stage is for, in words.
func stageTitle(name string) string {
	switch name {
	case "identify":
		return "Who and what it was"
	case "walk":
		return "What the bodies hold"
	case "access":
		return "Whether the caller may"
	case "contract":
		return "Whether it keeps the contract"
	case "payload":
		return "Attacks visible in it"
	case "behaviour":
		return "Attacks visible over time"
	case "policy":
		return "What policy decides"
	default:
		return "What was done"
	}
}

// mark is the state of a stage in a word.
func mark(s story.Stage) string {
	switch {
	case len(s.Findings) > 0:
		return "found"
	case s.Name == "policy" || s.Name == "action":
		return "did"
	default:
		return "clean"
	}
}

// reference is where a class of weakness is explained, "" where nobody does.
func reference(class string) templ.SafeURL {
	if n, ok := strings.CutPrefix(class, "CWE-"); ok {
		if _, err := strconv.ParseUint(n, 10, 16); err == nil {
			return templ.SafeURL("https://cwe.mitre.org/data/definitions/" + n + ".html")
		}
	}
	if n, ok := strings.CutPrefix(class, "API"); ok {
		if number, year, ok := strings.Cut(n, ":"); ok && year == "2023" && len(number) <= 2 {
			if i, err := strconv.Atoi(number); err == nil && i >= 1 && i <= len(apiTop10) {
				return templ.SafeURL("https://owasp.org/API-Security/editions/2023/en/0xa" + apiTop10[i-1] + "/")
			}
		}
	}
	if strings.HasPrefix(class, "OAT-") {
		return "https://owasp.org/www-project-automated-threats-to-web-applications/"
	}
	return ""
}

// apiTop10 are the pages of the OWASP API Security Top 10 2023, in their order.
var apiTop10 = [...]string{
	"1-broken-object-level-authorization", "2-broken-authentication", "3-broken-object-property-level-authorization", "4-unrestricted-resource-consumption",
	"5-broken-function-level-authorization", "6-unrestricted-access-to-sensitive-business-flows", "7-server-side-request-forgery", "8-security-misconfiguration",
	"9-improper-inventory-management", "a-unsafe-consumption-of-apis",
}

// guide is the page of the documentation that explains a finding.
func guide(id string) string {
	if strings.HasPrefix(id, "wire.") {
		return "docs/reference/wire.md"
	}
	return "docs/reference/policy.md"
}

// replayCommand is what makes the verdict again.
func (v eventView) replayCommand() string { return "merlon inspect --event " + v.ID + " --data DIR" }

// around is the list of what happened around the event.
func (v eventView) around(name, value string) templ.SafeURL {
	f := v.none.clone()
	f.Set("since", v.Time.Add(-admin.RelatedSpan).UTC().Format(time.RFC3339))
	f.Set("until", v.Time.Add(admin.RelatedSpan).UTC().Format(time.RFC3339))
	return f.with(name, value)
}

// halves are the places of the request and of the response.
func halves(all []story.Place) (request, answer []story.Place) {
	for _, p := range all {
		if p.Answer {
			answer = append(answer, p)
		} else {
			request = append(request, p)
		}
	}
	return request, answer
}

// after is a moment in milliseconds.
func after(d time.Duration) string {
	if d == 0 {
		return "0 ms"
	}
	return ui.Millis(float64(d.Microseconds()) / 1000)
}

// offset is how long before or after the event another was.
func offset(of, from time.Time) string {
	d := of.Sub(from)
	sign := "+"
	if d < 0 {
		sign, d = "−", -d
	}
	if d < time.Minute {
		return sign + ui.Trimmed(d.Seconds()) + " s"
	}
	return sign + strconv.Itoa(int(d.Minutes())) + " min"
}
