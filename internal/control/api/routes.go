package api

import (
	"net/http"

	"merlon/internal/control/admin"
	"merlon/internal/control/api/query"
	"merlon/internal/model/account"
	"merlon/internal/model/bundle"
	"merlon/internal/model/inventory"
)

// Route is one operation of the API.
type Route struct {
	// ID is the operation's name in the description and, with a capital, of the client's method.
	ID           string
	Method, Path string
	Needs        account.Permission
	// Summary and Query describe it in /v1/openapi.json. A parameter that is not in Query is refused.
	Summary string
	Query   []query.Parameter
	// Body is an example of what is sent, as JSON; "" for nothing.
	Body string
	// In is a value of the type that is read, Out of the one that is answered, or the media that are; nil for nothing.
	In, Out any
	// Status is that of success.
	Status int
	Traits

	handle func(*server, http.ResponseWriter, *ask) error
}

// Traits are what few operations have.
type Traits struct {
	// Secret: the answer shows a secret once, so that it is not kept for repeats.
	Secret bool
	// Tagged: If-Match is understood.
	Tagged bool
	// Cost is what it takes from the caller's limit, 1 when 0.
	Cost int
}

// media are the media types of an answer that is no JSON object of ours.
type media []string

// Routes is the whole surface of the API.
func Routes() []Route {
	var (
		none   = Traits{}
		secret = Traits{Secret: true}
		tagged = Traits{Tagged: true}
		dear   = Traits{Cost: 10}
		pprof  = media{"application/octet-stream"}
		export = media{"application/json", "text/csv", "application/vnd.oai.openapi+json"}
		lines  = media{"application/x-ndjson"}
		table  = media{"application/x-ndjson", "text/csv"}
	)
	const entry = `{"site":"acme","text":"{name: scripted, when: 'client.user_agent startsWith \"python\"', action: tag}","why":"looks like a script"}`
	return []Route{
		{"health", "GET", "/healthz", account.Open, "The process runs", nil, "", nil, health{}, 200, none, (*server).health},
		{"readiness", "GET", "/readyz", account.Open, "The process can do its work", nil, "", nil, health{}, 200, none, (*server).ready},
		{"metrics", "GET", "/metrics", account.SeeMetrics, "Metrics for Prometheus", nil, "", nil, media{"text/plain"}, 200, none, (*server).metrics},
		{"description", "GET", "/v1/openapi.json", account.SignedIn, "This description", nil, "", nil, media{"application/json"}, 200, none, (*server).description},

		{"session", "GET", "/v1/session", account.SignedIn, "Who is signed in", nil, "", nil, session{}, 200, none, (*server).session},
		{"signIn", "POST", "/v1/session", account.Open, "Sign in: sets a cookie, answers the X-CSRF-Token that changes need beside it. Where a code is asked for, the refusal has a ticket to send back with it", nil, `{"name":"ana","password":"correct horse battery"}`, credentials{}, session{}, 201, none, (*server).signIn},
		{"signOut", "DELETE", "/v1/session", account.SignedIn, "Sign out", nil, "", nil, nil, 204, none, (*server).signOut},
		{"confirm", "POST", "/v1/session/confirm", account.Self, "Show who one is once more, for what is grave", nil, `{"password":"correct horse battery"}`, proof{}, session{}, 201, secret, (*server).confirm},
		{"listSessions", "GET", "/v1/sessions", account.Self, "List one's own sessions", query.Pages(), "", nil, page[browser]{}, 200, none, (*server).sessions},
		{"revokeOtherSessions", "DELETE", "/v1/sessions", account.Self, "End all of one's sessions but this one", nil, "", nil, nil, 204, none, (*server).revokeOthers},
		{"revokeSession", "DELETE", "/v1/sessions/{id}", account.Self, "End a session: one's own, or another's with the right to", nil, "", nil, nil, 204, none, (*server).revokeSession},

		{"listTokens", "GET", "/v1/tokens", account.EditTokens, "List tokens", query.Pages(), "", nil, page[token]{}, 200, none, (*server).tokens},
		{"createToken", "POST", "/v1/tokens", account.EditTokens, "Make a token, cut down to scopes and sites if wanted; its secret is shown once", nil, `{"name":"ci","role":"viewer","days":90,"scopes":["inventory.see"],"sites":["acme"]}`, newToken{}, token{}, 201, secret, (*server).createToken},
		{"revokeToken", "DELETE", "/v1/tokens/{id}", account.EditTokens, "Revoke a token", nil, "", nil, nil, 204, none, (*server).revokeToken},

		{"listAccounts", "GET", "/v1/accounts", account.SeePeople, "List accounts", query.Pages(), "", nil, page[person]{}, 200, none, (*server).accounts},
		{"changeAccount", "PATCH", "/v1/accounts/{name}", account.EditPeople, "Change an account's role, or switch it off or on", nil, `{"role":"developer","disabled":false}`, personEdit{}, nil, 204, none, (*server).changeAccount},
		{"removeAccount", "DELETE", "/v1/accounts/{name}", account.EditPeople, "Remove an account", nil, "", nil, nil, 204, none, (*server).removeAccount},
		{"resetPassword", "POST", "/v1/accounts/{name}/reset-password", account.EditPeople, "Make a one-time link to a new password; it is shown once", nil, "", nil, invite{}, 201, secret, (*server).resetPassword},
		{"resetFactors", "POST", "/v1/accounts/{name}/reset-factors", account.EditPeople, "Take an account's codes and passkeys away", nil, "", nil, nil, 204, none, (*server).resetFactors},
		{"signOutAccount", "POST", "/v1/accounts/{name}/sign-out", account.EditPeople, "End all sessions of an account", nil, "", nil, nil, 204, none, (*server).signOutAccount},
		{"listAllSessions", "GET", "/v1/accounts/sessions", account.SeePeople, "List everybody's sessions", query.Pages(), "", nil, page[browser]{}, 200, none, (*server).allSessions},
		{"listInvites", "GET", "/v1/invites", account.SeePeople, "List invitations that are open", query.Pages(), "", nil, page[invite]{}, 200, none, (*server).invites},
		{"createInvite", "POST", "/v1/invites", account.EditPeople, "Invite somebody by a one-time link; it is shown once", nil, `{"name":"bea","role":"developer"}`, newInvite{}, invite{}, 201, secret, (*server).createInvite},
		{"revokeInvite", "DELETE", "/v1/invites/{id}", account.EditPeople, "Take an invitation back", nil, "", nil, nil, 204, none, (*server).revokeInvite},

		{"status", "GET", "/v1/status", account.SeeStatus, "How Merlon fares", nil, "", nil, status{}, 200, none, (*server).status},
		{"series", "GET", "/v1/series", account.SeeStatus, "Requests, errors, blocks and latency over time", query.Series(), "", nil, list[admin.Point]{}, 200, none, (*server).series},
		{"settings", "GET", "/v1/settings", account.SeeSettings, "The running configuration, without secrets", nil, "", nil, settings{}, 200, none, (*server).settings},
		{"overview", "GET", "/v1/overview", account.SeeInventory, "How exposed the estate is, and what to do next", nil, "", nil, overviewPage{}, 200, none, (*server).overview},
		{"changes", "GET", "/v1/changes", account.SeeInventory, "What happened to endpoints since the caller last looked, or since a time", query.Changes(), "", nil, changes{}, 200, none, (*server).changes},
		{"markLooked", "POST", "/v1/changes/looked", account.Self, "Say that what changed has been seen", nil, `{}`, looked{}, nil, 204, none, (*server).markLooked},

		{"cpuProfile", "GET", "/v1/profiles/cpu", account.SeeProfiles, "Watch where the processor's time goes, for go tool pprof", query.Profile(), "", nil, pprof, 200, dear, (*server).cpuProfile},
		{"profile", "GET", "/v1/profiles/{name}", account.SeeProfiles, "A profile for go tool pprof: heap, allocs, goroutine, threadcreate, block or mutex", nil, "", nil, pprof, 200, dear, (*server).profile},

		{"listEndpoints", "GET", "/v1/inventory", account.SeeInventory, "List endpoints, with the values that filters can take if wanted", query.Inventory(), "", nil, endpointPage{}, 200, none, (*server).inventory},
		{"groupEndpoints", "GET", "/v1/inventory/groups", account.SeeInventory, "Sum endpoints up by a property", query.Group(), "", nil, groupPage{}, 200, none, (*server).groups},
		{"endpointTree", "GET", "/v1/inventory/tree", account.SeeInventory, "Endpoints as a tree over their paths, as far as a picture shows it", query.Tree(), "", nil, tree{}, 200, none, (*server).tree},
		{"exportInventory", "GET", "/v1/inventory/export", account.SeeInventory, "What a filter selects in one piece; an OpenAPI document describes one site", query.Export(), "", nil, export, 200, dear, (*server).export},
		{"listEdits", "GET", "/v1/inventory/edits", account.EditInventory, "List the latest changes of many endpoints", query.Pages(), "", nil, page[admin.EditBatch]{}, 200, none, (*server).edits},
		{"previewEdit", "POST", "/v1/inventory/edits/preview", account.EditInventory, "What a change of many endpoints would do", nil, `{"filter":"owner=-","change":{"owner":"billing@acme.example"}}`, bulkEdit{}, editPreview{}, 200, none, (*server).previewEdits},
		{"applyEdit", "POST", "/v1/inventory/edits", account.EditInventory, "Change many endpoints, all of them or none", nil, `{"ids":[1,2],"change":{"add_labels":["pci"]},"expect":2}`, bulkEdit{}, admin.EditBatch{}, 201, none, (*server).applyEdits},
		{"undoEdit", "POST", "/v1/inventory/edits/{id}/undo", account.EditInventory, "Take a change of many endpoints back", nil, "", nil, undone{}, 200, none, (*server).undoEdits},
		{"endpoint", "GET", "/v1/inventory/{id}", account.SeeInventory, "Show an endpoint with all that is known of it", nil, "", nil, inventory.Endpoint{}, 200, none, (*server).endpoint},
		{"editEndpoint", "PATCH", "/v1/inventory/{id}", account.EditInventory, "Say whose an endpoint is, how it is labelled and named, or that it is ignored", nil, `{"owner":"billing@acme.example","labels":["billing"]}`, endpointEdit{}, inventory.Endpoint{}, 200, tagged, (*server).editEndpoint},

		{"listViews", "GET", "/v1/views", account.EditViews, "List one's own filters and those that others share", query.View(), "", nil, page[admin.View]{}, 200, none, (*server).views},
		{"createView", "POST", "/v1/views", account.EditViews, "Keep a filter under a name", nil, `{"room":"inventory","name":"open writes","query":"auth=none&access=write"}`, viewEdit{}, admin.View{}, 201, none, (*server).createView},
		{"setDefaultView", "PUT", "/v1/views/default", account.EditViews, "Say what a room opens with", nil, `{"room":"inventory","view":""}`, openWith{}, nil, 204, none, (*server).openWith},
		{"changeView", "PUT", "/v1/views/{id}", account.EditViews, "Change a filter's name, query or sharing", nil, `{"name":"open writes","query":"auth=none"}`, viewEdit{}, admin.View{}, 200, none, (*server).changeView},
		{"removeView", "DELETE", "/v1/views/{id}", account.EditViews, "Remove a filter", nil, "", nil, nil, 204, none, (*server).removeView},

		{"listEvents", "GET", "/v1/events", account.SeeEvents, "List events as verdict lines; with Accept: text/event-stream, as they come", query.Event(query.Pages()...), "", nil, page[verdictLine]{}, 200, none, (*server).events},
		{"eventHistogram", "GET", "/v1/events/histogram", account.SeeEvents, "Count events over time", query.Event(query.Parameter{Name: "steps", Type: "integer", About: "1 to 500; 60 by default"}), "", nil, histogram{}, 200, none, (*server).histogram},
		{"exportEvents", "GET", "/v1/events/export", account.SeeEvents, "Events as one verdict line each, 100,000 at most; the trailer Merlon-More tells whether there were more", query.Event(), "", nil, lines, 200, dear, (*server).exportEvents},
		{"event", "GET", "/v1/events/{id}", account.SeeEvents, "Show an event", nil, "", nil, verdictLine{}, 200, none, (*server).event},
		{"explainEvent", "GET", "/v1/events/{id}/story", account.SeeEvents, "Explain an event: what each stage saw, found and did", nil, "", nil, explanation{}, 200, none, (*server).story},
		{"exchangeLine", "GET", "/v1/events/{id}/exchange", account.SeeEvents, "An event as an exchange line, for merlon inspect --event", nil, "", nil, media{"application/json"}, 200, none, (*server).exchangeLine},

		{"listBlocks", "GET", "/v1/standing", account.SeeStanding, "List blocks", query.Pages(), "", nil, page[bundle.Entry]{}, 200, none, (*server).standing},
		{"block", "POST", "/v1/standing", account.EditStanding, "Block an address, fingerprint, principal, endpoint, country or autonomous system", nil, `{"kind":"address","value":"192.0.2.7","mode":"enforce","until":"2099-01-31T00:00:00Z","why":"scanner"}`, newBlock{}, bundle.Entry{}, 201, none, (*server).block},
		{"unblock", "DELETE", "/v1/standing/{id}", account.EditStanding, "Remove a block", nil, "", nil, nil, 204, none, (*server).unblock},

		{"listRules", "GET", "/v1/policy/rules", account.SeePolicy, "List the entries of policy that people made here", query.Pages(), "", nil, page[rule]{}, 200, none, (*server).rules},
		{"createRule", "POST", "/v1/policy/rules", account.EditPolicy, "Put an entry of policy in force; one that does not hold is refused with its mistakes", nil, entry, ruleEdit{}, rule{}, 201, none, (*server).createRule},
		{"checkRule", "POST", "/v1/policy/rules/check", account.EditPolicy, "What is wrong with an entry, without storing it", nil, entry, ruleEdit{}, checked{}, 200, none, (*server).checkRule},
		{"tryRule", "POST", "/v1/policy/rules/try", account.EditPolicy, "Try an entry over the events of the last day; events have to be seen for that", nil, entry, ruleEdit{}, ruleTrial{}, 200, dear, (*server).tryRule},
		{"rule", "GET", "/v1/policy/rules/{id}", account.SeePolicy, "Show an entry of policy that people made", nil, "", nil, rule{}, 200, none, (*server).rule},
		{"changeRule", "PUT", "/v1/policy/rules/{id}", account.EditPolicy, "Change an entry of policy, or switch it off", nil, entry, ruleEdit{}, rule{}, 200, none, (*server).changeRule},
		{"removeRule", "DELETE", "/v1/policy/rules/{id}", account.EditPolicy, "Remove an entry of policy", nil, "", nil, nil, 204, none, (*server).removeRule},

		{"listAudit", "GET", "/v1/audit", account.SeeAudit, "Who did what", append(query.Pages(), query.Audit()...), "", nil, page[admin.AuditEntry]{}, 200, none, (*server).audit},
		{"exportAudit", "GET", "/v1/audit/export", account.SeeAudit, "The audit log as lines of JSON or as CSV", append(query.Audit(), query.Parameter{Name: "format", Type: "string", About: "ndjson (the default) or csv"}), "", nil, table, 200, dear, (*server).exportAudit},
		{"verifyAudit", "GET", "/v1/audit/verify", account.SeeAudit, "Walk the chain of the audit log", nil, "", nil, chain{}, 200, dear, (*server).verifyAudit},
	}
}
