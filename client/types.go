package client

import (
	"encoding/json"
	"time"
)

// Endpoint is one operation of an API as it is known: method, host and path template.
type Endpoint struct {
	// Tag is the entity tag under which a single endpoint was read; "" in lists.
	Tag string `json:"-"`

	ID         uint64   `json:"id"`
	Site       string   `json:"site"`
	Host       string   `json:"host"`
	Method     string   `json:"method"`
	Template   string   `json:"template"`
	Learned    string   `json:"learned_template"` // where somebody gave the path another name
	Operation  string   `json:"operation"`
	State      string   `json:"state"` // candidate, confirmed or unseen
	Documented bool     `json:"documented"`
	Lifecycle  []string `json:"lifecycle"` // new, changed, shadow, orphan, zombie, deprecated

	Requests   uint64    `json:"requests"`
	Callers    uint64    `json:"callers"`
	Confidence float64   `json:"confidence"` // 0..1
	FirstSeen  time.Time `json:"first_seen"`
	LastSeen   time.Time `json:"last_seen"`

	Auth              string      `json:"auth"` // none, mixed, enforced or unknown
	Credentials       []string    `json:"credentials"`
	Access            string      `json:"access"` // read or write
	Purpose           string      `json:"purpose"`
	PurposeConfidence float64     `json:"purpose_confidence"`
	Sensitive         []Sensitive `json:"sensitive"`
	Owner             string      `json:"owner"`
	Labels            []string    `json:"labels"`
	Ignored           bool        `json:"ignored"`
	Risk              Risk        `json:"risk"`
	// Detail is all that is known of it; nil in lists.
	Detail *Detail `json:"detail"`
}

// Sensitive is a class of sensitive data and where it is found.
type Sensitive struct {
	Class string `json:"class"`
	Where string `json:"where"`
}

// Risk is a sum of named terms, 0..100.
type Risk struct {
	Score     float64    `json:"score"`
	Confirmed bool       `json:"confirmed"`
	Terms     []RiskTerm `json:"terms"`
}

// RiskTerm is one summand with its reason.
type RiskTerm struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Why   string  `json:"why"`
}

// Detail is everything known of one endpoint.
type Detail struct {
	Support                    Support       `json:"support"`
	Statuses                   []StatusCount `json:"statuses"`
	Latency                    Distribution  `json:"latency_ms"`
	RequestSize                Distribution  `json:"request_bytes"`
	AnswerSize                 Distribution  `json:"response_bytes"`
	Parameters                 []Parameter   `json:"parameters"`
	Schemas                    []Schema      `json:"schemas"`
	Countries                  []Count       `json:"countries"`
	Networks                   []Count       `json:"networks"`
	Clients                    []Count       `json:"clients"`
	Postures                   []Posture     `json:"postures"`
	History                    []HistoryItem `json:"history"`
	Writers                    []Writer      `json:"writers"`
	SuccessesWithCredential    uint64        `json:"successes_with_credential"`
	SuccessesWithoutCredential uint64        `json:"successes_without_credential"`
}

// Support says who stands behind the claim that the endpoint exists.
type Support struct {
	Principals uint64 `json:"principals"`
	Networks   uint64 `json:"networks"`
	Buckets    uint64 `json:"time_buckets"`
	Missing    string `json:"missing"` // what would confirm a candidate
}

// StatusCount counts answers with one status.
type StatusCount struct {
	Status int    `json:"status"`
	Count  uint64 `json:"count"`
}

// Count names a value and how often it was seen.
type Count struct {
	Name  string `json:"name"`
	Count uint64 `json:"count"`
}

// Distribution is quantiles and their sample size.
type Distribution struct {
	Count uint64  `json:"count"`
	P50   float64 `json:"p50"`
	P95   float64 `json:"p95"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
}

// Parameter is a path, query, header or cookie parameter.
type Parameter struct {
	In       string          `json:"in"`
	Name     string          `json:"name"`
	Required bool            `json:"required"`
	Seen     uint64          `json:"seen"`
	State    string          `json:"state"`
	Classes  []string        `json:"classes"`
	Schema   json.RawMessage `json:"schema"` // JSON Schema 2020-12
}

// Schema is a learned body schema.
type Schema struct {
	Message   string          `json:"message"` // request or response
	Status    string          `json:"status"`
	MediaType string          `json:"media_type"`
	Samples   uint64          `json:"samples"`
	Schema    json.RawMessage `json:"schema"`
}

// Posture is a finding about an endpoint.
type Posture struct {
	ID        string   `json:"id"`
	Endpoint  uint64   `json:"endpoint_id"`
	Classes   []string `json:"classes"`
	Severity  string   `json:"severity"`
	Confirmed bool     `json:"confirmed"`
	Why       string   `json:"why"`
	Mend      string   `json:"mend"`
}

// HistoryItem is one entry of an endpoint's history.
type HistoryItem struct {
	At   time.Time `json:"at"`
	What string    `json:"what"`
}

// Writer is a principal that has written to an endpoint.
type Writer struct {
	Principal   string    `json:"principal"`
	Proved      bool      `json:"proved"`
	First       time.Time `json:"first"`
	Count       uint64    `json:"count"`
	Since       time.Time `json:"since"`
	Reads       uint64    `json:"reads"`
	NeverBefore bool      `json:"never_before"`
}

// EndpointEdit is what somebody says of endpoints; what is nil or empty stays.
type EndpointEdit struct {
	Owner        *string   `json:"owner,omitempty"`
	Labels       *[]string `json:"labels,omitempty"` // replaces all
	AddLabels    []string  `json:"add_labels,omitempty"`
	RemoveLabels []string  `json:"remove_labels,omitempty"`
	Ignored      *bool     `json:"ignored,omitempty"`
	// Template is the name that the path is shown by, "" for the learned one; of one endpoint at a time.
	Template *string `json:"template,omitempty"`
}

// BulkEdit changes the endpoints with these ids, or, where there are none, all that a filter selects.
type BulkEdit struct {
	IDs    []uint64     `json:"ids,omitempty"`
	Filter string       `json:"filter,omitempty"` // as url.Values.Encode writes it
	Change EndpointEdit `json:"change"`
	Expect int          `json:"expect,omitempty"` // EditPreview.Total
}

// EditPreview is what a change would do.
type EditPreview struct {
	Total   int        `json:"total"`
	Changed int        `json:"changed"`
	Sample  []Endpoint `json:"sample"`
	What    string     `json:"what"`
}

// EditBatch is a change of many endpoints that was made.
type EditBatch struct {
	ID     string    `json:"id"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	What   string    `json:"what"`
	Count  int       `json:"count"`
	Undone bool      `json:"undone"`
}

// Facet is a property with the values that a filter by it can take.
type Facet struct {
	By      string       `json:"by"`
	Values  []FacetValue `json:"values"`
	More    int          `json:"more"`
	AtLeast bool         `json:"at_least"`
}

// FacetValue is a value and how many endpoints the filter would leave.
type FacetValue struct {
	Value  string `json:"value"`
	Count  int    `json:"count"`
	Chosen bool   `json:"chosen"`
}

// Group is the endpoints with one value of a property, summed up.
type Group struct {
	Value     string    `json:"value"`
	Endpoints int       `json:"endpoints"`
	Requests  uint64    `json:"requests"`
	Risk      float64   `json:"risk"`
	Open      int       `json:"open"`
	Sensitive int       `json:"sensitive"`
	LastSeen  time.Time `json:"last_seen"`
}

// Tree is endpoints as a tree over their paths.
type Tree struct {
	Version   uint64     `json:"version"`
	At        time.Time  `json:"at"`
	Endpoints int        `json:"endpoints"`
	All       int        `json:"all"`
	Above     []TreeNode `json:"above"`
	Root      TreeNode   `json:"root"`
}

// TreeNode is a box of the tree.
type TreeNode struct {
	Kind       string     `json:"kind"` // all, site, host, path, here or rest
	Name       string     `json:"name"`
	Site       string     `json:"site"`
	Host       string     `json:"host"`
	Prefix     string     `json:"prefix"`
	Endpoints  int        `json:"endpoints"`
	Requests   uint64     `json:"requests"`
	Risk       float64    `json:"risk"`
	Documented int        `json:"documented"`
	Observed   int        `json:"observed"`
	Both       int        `json:"both"`
	Open       int        `json:"open"`
	Sensitive  int        `json:"sensitive"`
	Endpoint   uint64     `json:"endpoint_id"`
	Methods    []string   `json:"methods"`
	Folded     int        `json:"folded"`
	Children   []TreeNode `json:"children"`
}

// Overview is how exposed the estate is, and what to do next.
type Overview struct {
	Posture EstatePosture `json:"posture"`
	Steps   []NextStep    `json:"steps"`
}

// EstatePosture counts endpoints.
type EstatePosture struct {
	Endpoints   int              `json:"endpoints"`
	Risk        []FacetValue     `json:"risk"`
	Auth        []FacetValue     `json:"auth"`
	Classes     []SensitiveClass `json:"classes"`
	MoreClasses int              `json:"more_classes"`
	Sensitive   int              `json:"sensitive"`
	OpenData    int              `json:"open_data"`
}

// SensitiveClass is a class of sensitive data over all endpoints.
type SensitiveClass struct {
	Name      string `json:"name"`
	Endpoints int    `json:"endpoints"`
	Open      int    `json:"open"`
}

// NextStep is something to do that makes the estate safer.
type NextStep struct {
	ID    string `json:"id"`
	Stage string `json:"stage"`
	Title string `json:"title"`
	Why   string `json:"why"`
	Href  string `json:"href"`
	Where string `json:"where"`
	Done  bool   `json:"done"`
}

// Changes is what happened to endpoints since a time.
type Changes struct {
	Since     time.Time `json:"since"`
	Marked    bool      `json:"marked"`
	New       int       `json:"new"`
	Confirmed int       `json:"confirmed"`
	Changed   int       `json:"changed"`
	Risky     int       `json:"risky"`
	Items     []Change  `json:"items"`
}

// Change is an endpoint with what happened to it.
type Change struct {
	Endpoint Endpoint  `json:"endpoint"`
	What     []string  `json:"what"`
	At       time.Time `json:"at"`
}

// View is a filter that is kept under a name.
type View struct {
	ID      string    `json:"id"`
	Account string    `json:"account"`
	Room    string    `json:"room"`
	Name    string    `json:"name"`
	Query   string    `json:"query"`
	Shared  bool      `json:"shared"`
	At      time.Time `json:"at"`
	Default bool      `json:"default"`
	Own     bool      `json:"own"`
}

// ViewEdit is a view as one writes it.
type ViewEdit struct {
	Room   string `json:"room,omitempty"` // inventory or activity
	Name   string `json:"name"`
	Query  string `json:"query"` // as url.Values.Encode writes it
	Shared bool   `json:"shared,omitempty"`
}
