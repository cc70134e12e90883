package endpoint

import (
	"bytes"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"

	"merlon/internal/control/admin"
	"merlon/internal/control/web/ui"
	"merlon/internal/model/account"
	"merlon/internal/model/inventory"
)

// maxOpenAPI bounds the description as shown, in bytes: the page stays below its limit, and the export has it whole.
const maxOpenAPI = 64 << 10

// openAPI describes one operation as a document of its own.
func openAPI(e *inventory.Endpoint, as string) (text, format string, cut bool) {
	one := inventory.Inventory{Sites: []inventory.Site{{Name: e.Site, Endpoints: []inventory.Endpoint{*e}}}}
	one.Sites[0].Endpoints[0].Template = learned(e)
	var b bytes.Buffer
	if err := admin.Export(&b, admin.FormatOpenAPI, one); err != nil {
		return "", "json", false
	}
	text, format = b.String(), "json"
	if as != "json" {
		if y, err := yaml.JSONToYAML(b.Bytes()); err == nil {
			text, format = string(y), "yaml"
		}
	}
	if len(text) > maxOpenAPI {
		n := maxOpenAPI
		for n > 0 && !utf8.RuneStart(text[n]) {
			n--
		}
		return text[:n], format, true
	}
	return text, format, false
}

// version is a segment that says which version of an API it is.
var version = regexp.MustCompile(`^v[0-9]{1,4}([._-][0-9]{1,4})?$`)

// generic is a template without versions and names of parameters; versioned tells whether it had a version.
func generic(template string) (path string, versioned bool) {
	segments := strings.Split(template, "/")
	for i, s := range segments {
		if version.MatchString(strings.ToLower(s)) {
			segments[i], versioned = "v*", true
		} else if strings.Contains(s, "{") {
			segments[i] = "{}"
		}
	}
	return strings.Join(segments, "/"), versioned
}

// maxVersions is how many endpoints that look alike are compared.
const maxVersions = 200

// versions are endpoints of the same site and method whose path differs in its version alone.
func (s *room) versions(r *http.Request, p *ui.Page, e *inventory.Endpoint) (out []inventory.Endpoint, err error) {
	path, versioned := generic(e.Template)
	if !versioned {
		return nil, nil
	}
	// The words of the path narrow the search; what is alike is found among what that leaves.
	var words []string
	for _, w := range strings.Split(path, "/") {
		if w != "" && w != "v*" && w != "{}" && len(w) < 64 && len(words) < 3 {
			words = append(words, w)
		}
	}
	page, err := s.Admin.Inventory(r.Context(), p.Caller, admin.InventoryQuery{Site: e.Site, Method: e.Method, Search: strings.Join(words, " "), Ignored: "all", Limit: maxVersions})
	if err != nil {
		return nil, err
	}
	for _, other := range page.Endpoints {
		if same, ok := generic(other.Template); ok && same == path && other.ID != e.ID && other.Host == e.Host {
			out = append(out, other)
		}
	}
	return out, nil
}

// mend says what takes a term of risk away (docs/reference/risk.md).
func mend(term string) string {
	return map[string]string{
		"write without authentication":          "Require a credential for this operation, or say in its description that it is open (security: []).",
		"read without authentication":           "Require a credential, or say in its description that it is open (security: []).",
		"mixed authentication":                  "Require the credential on every path that leads to this operation, older hosts and versions too.",
		"sensitive data":                        "Answer only the fields that callers use; nothing else takes this term away, as the data is what it is.",
		"sensitive data without authentication": "Require a credential before this data is answered.",
		"sensitive data in the address":         "Take it in the body or a header: addresses end in logs, histories and referrers.",
		"undocumented write":                    "Describe the operation, or close it. Ask the owner of the service who needs it.",
		"first write of a reader":               "Ask the owner of the principal whether it is meant to write; if not, take that right away and change its secret.",
		"undocumented read":                     "Describe the operation, or close it.",
		"deprecated but used":                   "Move its callers to the version that replaces it, then switch it off.",
	}[term]
}

// ruleLink is the form of a new rule about this endpoint.
func ruleLink(e *inventory.Endpoint) string {
	return "/policy/new?" + url.Values{"endpoint": {e.Method + " " + learned(e)}, "site": {e.Site}, "name": {"rule for " + ruleName(e)}}.Encode()
}

// ruleName is a name that rules may have: printable ASCII without commas.
func ruleName(e *inventory.Endpoint) string {
	name := strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' || c == ',' {
			return -1
		}
		return c
	}, e.Method+" "+learned(e))
	return name[:min(len(name), 90)]
}

// acts tells whether the caller may do anything with an endpoint.
func acts(p *ui.Page) bool {
	return p.Caller.May(account.EditInventory) || p.Caller.May(account.EditStanding) || p.Caller.May(account.EditPolicy)
}

// quantile is one of a distribution, with the width of its bar in percent.
type quantile struct {
	Name  string
	Value float64
	Width string
}

// quantiles are drawn by their logarithm: the largest is often a thousand times the median.
func quantiles(d inventory.Distribution) []quantile {
	all := []quantile{{"p50", d.P50, ""}, {"p95", d.P95, ""}, {"p99", d.P99, ""}, {"max", d.Max, ""}}
	top := math.Log1p(max(d.Max, d.P99))
	for i := range all {
		width := 0.0
		if top > 0 {
			width = math.Log1p(max(all[i].Value, 0)) / top * 100
		}
		all[i].Width = strconv.FormatFloat(width, 'f', 1, 64)
	}
	return all
}
