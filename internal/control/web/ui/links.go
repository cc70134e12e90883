package ui

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"merlon/internal/model/identity"
)

// EndpointLink is the page of an endpoint.
func EndpointLink(id identity.EndpointID) templ.SafeURL {
	return templ.SafeURL("/inventory/" + strconv.FormatUint(uint64(id), 10))
}

// ExportLink downloads a site as OpenAPI 3.1.
func ExportLink(site string) templ.SafeURL {
	return templ.SafeURL("/v1/inventory/export?" + url.Values{"format": {"openapi"}, "site": {site}}.Encode())
}

// EventsLink is the list of events narrowed by one filter.
func EventsLink(key, value string) templ.SafeURL {
	return templ.SafeURL("/events?" + url.Values{key: {value}}.Encode())
}

// Back is the page a form came from, with what was done; the list of blocks when it does not say.
func Back(path, done string) string {
	if path = Within(path); path == "/" || strings.ContainsAny(path, "?#") {
		path = "/blocks"
	}
	return path + "?done=" + done
}

// Within is where to go after signing in: a path of this UI, never another site's.
func Within(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	return next
}
