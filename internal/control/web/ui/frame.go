package ui

import (
	"encoding/json"
	"slices"
)

// htmxConfig takes away what the Content-Security-Policy forbids anyway (evaluated text, a style element) and what nobody
// here needs: requests to other sites, and pages kept in the browser's storage after signing out.
const htmxConfig = `{"includeIndicatorStyles":false,"allowEval":false,"allowScriptTags":false,"selfRequestsOnly":true,"historyCacheSize":0,"refreshOnHistoryMiss":true}`

// proofHeader lets htmx send the proof of this browser with everything it posts.
func proofHeader(p *Page) string {
	b, err := json.Marshal(map[string]string{"X-CSRF-Token": p.CSRF})
	if err != nil {
		return "{}"
	}
	return string(b)
}

// placeName is the word of the navigation for this page.
func (p *Page) placeName() string {
	for _, at := range p.places() {
		if at.Name == p.Active {
			return at.Text
		}
	}
	return p.Title
}

// has tells whether there is a page that the caller may see.
func (p *Page) has(href string) bool {
	return slices.ContainsFunc(p.Nav, func(at Place) bool { return at.Href == href && p.Caller.May(at.Need) })
}

// version is what runs; a build without one is somebody's own.
func (p *Page) version() string {
	if p.Status.Version == "" || p.Status.Version == "unknown" {
		return "development build"
	}
	return p.Status.Version
}
