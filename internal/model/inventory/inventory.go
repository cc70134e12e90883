// Package inventory is what exists: sites, endpoints, versions, parameters, data classes, callers, owners, life cycle.
//
// The JSON form of these types is public: `merlon inventory list --format json` and GET /v1/inventory print them, so a
// field is never removed or renamed without an entry in CHANGELOG.md.
package inventory

import (
	"encoding/json"
	"time"

	"merlon/internal/model/finding"
	"merlon/internal/model/identity"
)

// State says how far an endpoint is believed.
type State string

const (
	// Candidate: seen, but supported by too few independent callers; listed and scored, never enforced.
	Candidate State = "candidate"
	// Confirmed: the gate's quorum of independent supporters had success on it.
	Confirmed State = "confirmed"
	// Unseen: described, never used.
	Unseen State = "unseen"
)

// Authentication is an endpoint's posture, counted on successful requests whose source could see credentials.
type Authentication string

const (
	AuthNone     Authentication = "none"
	AuthMixed    Authentication = "mixed"
	AuthEnforced Authentication = "enforced"
	AuthUnknown  Authentication = "unknown"
)

// Access tells reads from writes.
type Access string

const (
	Read  Access = "read"
	Write Access = "write"
)

// AccessOf tells reads from writes by the method alone (RFC 9110 section 9.2.1: safe methods read). It is what policy asks for
// what nobody knows yet, so a method that is not among the four writes.
func AccessOf(method string) Access {
	switch method {
	case "GET", "HEAD", "OPTIONS", "TRACE":
		return Read
	}
	return Write
}

// Endpoint is one operation of an API as it is known: method, host and path template.
type Endpoint struct {
	ID        identity.EndpointID `json:"id"`
	Site      string              `json:"site"`
	Host      string              `json:"host"`
	Method    string              `json:"method"`
	Template  string              `json:"template"`
	Operation string              `json:"operation,omitempty"` // operationId of the description
	State     State               `json:"state"`
	// Documented tells whether an uploaded description has it.
	Documented bool     `json:"documented"`
	Lifecycle  []string `json:"lifecycle"` // new, changed, shadow, orphan, zombie, deprecated

	Requests uint64 `json:"requests"`
	// Confidence is 0..1: the share of the quorum reached, 1 when confirmed.
	Confidence float64   `json:"confidence"`
	FirstSeen  time.Time `json:"first_seen,omitzero"`
	LastSeen   time.Time `json:"last_seen,omitzero"`

	Auth        Authentication `json:"auth"`
	Credentials []string       `json:"credentials"`
	Access      Access         `json:"access"`

	Purpose           string  `json:"purpose"`
	PurposeConfidence float64 `json:"purpose_confidence"`

	Sensitive []Sensitive `json:"sensitive"`
	Owner     string      `json:"owner"`
	Labels    []string    `json:"labels,omitempty"`
	// Ignored: somebody said that it is of no interest; lists and posture leave it out unless asked for.
	Ignored bool `json:"ignored,omitempty"`
	// Learned is the template as learned, where somebody gave the path another name; empty otherwise.
	Learned string `json:"learned_template,omitempty"`
	Risk    Risk   `json:"risk"`
	// Callers is the estimated number of distinct callers (principals, otherwise networks).
	Callers uint64 `json:"callers"`

	// Detail is what `inventory show` adds; nil in lists.
	Detail *Detail `json:"detail,omitempty"`
}

// Sensitive is a class of sensitive data and where it is found.
type Sensitive struct {
	Class string `json:"class"`
	Where string `json:"where"`
}

// Risk is an endpoint's posture as a sum of named terms (see docs/reference/risk.md), 0..100.
type Risk struct {
	Score     float64    `json:"score"`
	Confirmed bool       `json:"confirmed"`
	Terms     []RiskTerm `json:"terms"`
}

// RiskTerm is one summand with its reason.
type RiskTerm struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Why   string  `json:"why,omitempty"`
}

// Detail is everything known of one endpoint.
type Detail struct {
	Support     Support           `json:"support"`
	Statuses    []StatusCount     `json:"statuses"` // by exact status, ascending
	Latency     Distribution      `json:"latency_ms"`
	RequestSize Distribution      `json:"request_bytes"`
	AnswerSize  Distribution      `json:"response_bytes"`
	Parameters  []Parameter       `json:"parameters"`
	Schemas     []Schema          `json:"schemas"`
	Countries   []Count           `json:"countries"`
	Networks    []Count           `json:"networks"` // autonomous systems
	Clients     []Count           `json:"clients"`  // User-Agent products
	Postures    []finding.Posture `json:"postures"`
	History     []Change          `json:"history"`
	// Writers are principals that have written here, the first one first; a sample of at most eight.
	Writers []Writer `json:"writers"`
	// Successes with and without a credential, where the source could see credentials.
	SuccessesWithCredential    uint64 `json:"successes_with_credential"`
	SuccessesWithoutCredential uint64 `json:"successes_without_credential"`
}

// Support says who stands behind the claim that the endpoint exists.
type Support struct {
	Principals uint64 `json:"principals"` // verified or accepted
	Networks   uint64 `json:"networks"`
	Buckets    uint64 `json:"time_buckets"`
	// Missing says in words what would confirm a candidate; empty when confirmed.
	Missing string `json:"missing,omitempty"`
}

// Writer is a principal that has written to an endpoint.
type Writer struct {
	Principal string    `json:"principal"` // its token
	Proved    bool      `json:"proved"`    // accepted or verified at least once, otherwise only claimed
	First     time.Time `json:"first"`
	Count     uint64    `json:"count"`
	// Since is when the principal first had success anywhere on the site, Reads how often it read there; both zero where it is
	// not remembered.
	Since time.Time `json:"since,omitzero"`
	Reads uint64    `json:"reads"`
	// NeverBefore tells that it had only read on the whole site until it wrote here.
	NeverBefore bool `json:"never_before"`
}

// StatusCount counts answers with one status.
type StatusCount struct {
	Status uint16 `json:"status"`
	Count  uint64 `json:"count"`
}

// Count names a value and how often it was seen; estimates are upper bounds of a count-min sketch.
type Count struct {
	Name  string `json:"name"`
	Count uint64 `json:"count"`
}

// Distribution is quantiles with 1 % relative error and their sample size.
type Distribution struct {
	Count uint64  `json:"count"`
	P50   float64 `json:"p50"`
	P95   float64 `json:"p95"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
}

// Parameter is a path, query, header or cookie parameter with what is known of its values.
type Parameter struct {
	In       string          `json:"in"` // path, query, header, cookie
	Name     string          `json:"name"`
	Required bool            `json:"required"`
	Seen     uint64          `json:"seen"`
	State    State           `json:"state"`
	Classes  []string        `json:"classes,omitempty"`
	Schema   json.RawMessage `json:"schema,omitempty"` // JSON Schema 2020-12
}

// Schema is a learned body schema.
type Schema struct {
	// Message is "request" or "response".
	Message string `json:"message"`
	// Status is the response class, such as "2xx"; empty for requests.
	Status    string          `json:"status,omitempty"`
	MediaType string          `json:"media_type"`
	Samples   uint64          `json:"samples"`
	Schema    json.RawMessage `json:"schema"`
}

// Change is one entry of an endpoint's history.
type Change struct {
	At   time.Time `json:"at"`
	What string    `json:"what"`
}

// Site is one API estate: the unit of secrets, policy and learning.
type Site struct {
	Name      string     `json:"name"`
	Endpoints []Endpoint `json:"endpoints"` // ascending by id
	// CatchAll lists hosts that answer everything alike: their unmatched paths make no endpoints.
	CatchAll []string `json:"catch_all,omitempty"`
}

// Inventory is the estate as of one distillation.
type Inventory struct {
	Version uint64    `json:"version"`
	At      time.Time `json:"at"` // event time of the newest evidence
	Sites   []Site    `json:"sites"`
	// Aliases maps ids that were merged away to the surviving, lower id; chains are resolved.
	Aliases map[identity.EndpointID]identity.EndpointID `json:"aliases,omitempty"`
	// NextID is the next birth id to give.
	NextID identity.EndpointID `json:"next_id"`
}

// Resolve follows aliases to the id that lives.
func (v *Inventory) Resolve(id identity.EndpointID) identity.EndpointID {
	for range len(v.Aliases) + 1 {
		to, ok := v.Aliases[id]
		if !ok {
			return id
		}
		id = to
	}
	return id
}

// Endpoint finds an endpoint by any id it ever had.
func (v *Inventory) Endpoint(id identity.EndpointID) (*Endpoint, bool) {
	id = v.Resolve(id)
	for i := range v.Sites {
		for j := range v.Sites[i].Endpoints {
			if e := &v.Sites[i].Endpoints[j]; e.ID == id {
				return e, true
			}
		}
	}
	return nil, false
}
