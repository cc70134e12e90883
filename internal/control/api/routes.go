package api

import (
	"net/http"

	"merlon/internal/model/account"
)

// Route is one operation of the API.
type Route struct {
	Method, Path string
	Needs        account.Permission
	// Summary and Query describe it in /v1/openapi.json; Query maps each query parameter to what it means.
	Summary string
	Query   []Parameter
	// Status is that of success.
	Status int
	// Body is an example of what is sent, as JSON; "" for nothing.
	Body string

	handle func(*server, http.ResponseWriter, *http.Request) error
}

// Parameter is a query parameter.
type Parameter struct{ Name, Type, About string }

func profileQuery() []Parameter {
	return []Parameter{{"seconds", "integer", "how long to watch; 1 by default, 25 at most"}}
}

func pages() []Parameter {
	return []Parameter{{"limit", "integer", "entries a page, 1 to 500"}, {"cursor", "string", "next_cursor of the page before"}}
}

func inventoryQuery() []Parameter {
	return append(pages(),
		Parameter{"site", "string", "only this site"}, Parameter{"host", "string", "only this host"},
		Parameter{"state", "string", "candidate, confirmed or unseen"}, Parameter{"method", "string", "only this method"},
		Parameter{"auth", "string", "none, mixed, enforced or unknown"}, Parameter{"access", "string", "read or write"},
		Parameter{"lifecycle", "string", "only with this badge, such as shadow"}, Parameter{"sensitive", "boolean", "only with sensitive data"},
		Parameter{"q", "string", "words that stand in method, template, host, owner or labels"},
		Parameter{"sort", "string", "id, template, risk, requests, callers, last_seen or first_seen"})
}

func eventQuery() []Parameter {
	return append(pages(),
		Parameter{"site", "string", "only this site"}, Parameter{"endpoint", "integer", "only this endpoint's id"},
		Parameter{"action", "string", "only this action, such as block"}, Parameter{"finding", "string", "only with this finding"},
		Parameter{"severity", "string", "only with a finding at least as bad: low, medium, high, critical"},
		Parameter{"actor", "string", "only this actor"}, Parameter{"address", "string", "only this client address"},
		Parameter{"since", "string", "only from this time on (RFC 3339)"}, Parameter{"until", "string", "only before this time (RFC 3339)"})
}

// Routes is the whole surface of the API.
func Routes() []Route {
	return []Route{
		{"GET", "/healthz", account.Open, "The process runs", nil, 200, "", (*server).health},
		{"GET", "/readyz", account.Open, "The process can do its work", nil, 200, "", (*server).ready},
		{"GET", "/metrics", account.SeeMetrics, "Metrics for Prometheus", nil, 200, "", (*server).metrics},
		{"GET", "/v1/openapi.json", account.SignedIn, "This description", nil, 200, "", (*server).description},

		{"GET", "/v1/session", account.SignedIn, "Who is signed in", nil, 200, "", (*server).session},
		{"POST", "/v1/session", account.Open, "Sign in: sets a cookie, answers the X-CSRF-Token that changes need beside it", nil, 201, `{"name":"ana","password":"correct horse battery"}`, (*server).signIn},
		{"DELETE", "/v1/session", account.SignedIn, "Sign out", nil, 204, "", (*server).signOut},

		{"GET", "/v1/tokens", account.EditTokens, "List tokens", nil, 200, "", (*server).tokens},
		{"POST", "/v1/tokens", account.EditTokens, "Make a token; its secret is shown once", nil, 201, `{"name":"ci","role":"viewer","days":90}`, (*server).createToken},
		{"DELETE", "/v1/tokens/{id}", account.EditTokens, "Revoke a token", nil, 204, "", (*server).revokeToken},

		{"GET", "/v1/status", account.SeeStatus, "How Merlon fares", nil, 200, "", (*server).status},
		{"GET", "/v1/series", account.SeeStatus, "Requests, errors, blocks and latency over time", []Parameter{
			{"site", "string", "only this site"},
			{"endpoint", "integer", "only this endpoint's id"},
			{"from", "string", "RFC 3339; an hour before to by default"},
			{"to", "string", "RFC 3339; now by default"},
			{"step", "integer", "seconds, a multiple of 10; 60 by default"},
		}, 200, "", (*server).series},

		{"GET", "/v1/profiles/cpu", account.SeeProfiles, "Watch where the processor's time goes, for go tool pprof", profileQuery(), 200, "", (*server).cpuProfile},
		{"GET", "/v1/profiles/{name}", account.SeeProfiles, "A profile for go tool pprof: heap, allocs, goroutine, threadcreate, block or mutex", nil, 200, "", (*server).profile},

		{"GET", "/v1/inventory", account.SeeInventory, "List endpoints", inventoryQuery(), 200, "", (*server).inventory},
		{"GET", "/v1/inventory/export", account.SeeInventory, "The inventory in one piece", []Parameter{
			{"format", "string", "openapi, csv or json (the default)"}, {"site", "string", "only this site; needed for openapi where there are several"},
		}, 200, "", (*server).export},
		{"GET", "/v1/inventory/{id}", account.SeeInventory, "Show an endpoint", nil, 200, "", (*server).endpoint},
		{"PATCH", "/v1/inventory/{id}", account.EditInventory, "Say whose an endpoint is and how it is labelled", nil, 200, `{"owner":"billing@acme.example","labels":["billing"]}`, (*server).editEndpoint},

		{"GET", "/v1/events", account.SeeEvents, "List events as verdict lines; with Accept: text/event-stream, as they come", eventQuery(), 200, "", (*server).events},
		{"GET", "/v1/events/{id}", account.SeeEvents, "Show an event", nil, 200, "", (*server).event},

		{"GET", "/v1/standing", account.SeeStanding, "List blocks", nil, 200, "", (*server).standing},
		{
			"POST", "/v1/standing", account.EditStanding, "Block an address, fingerprint, principal, endpoint, country or autonomous system", nil, 201,
			`{"kind":"address","value":"192.0.2.7","mode":"enforce","until":"2099-01-31T00:00:00Z","why":"scanner"}`, (*server).block,
		},
		{"DELETE", "/v1/standing/{id}", account.EditStanding, "Remove a block", nil, 204, "", (*server).unblock},

		{"GET", "/v1/audit", account.SeeAudit, "Who did what", pages(), 200, "", (*server).audit},
	}
}
