package store

import (
	"cmp"
	"slices"
	"time"

	"merlon/internal/model/identity"
)

// Summary is one piece of learned state as stored: what kind, whose, of which epoch. Blob begins with its own kind and
// version, which only its learner reads.
type Summary struct {
	SummaryKey
	// Seq is the delta's number within (node, epoch), for those that are shipped.
	Seq  uint64
	Blob []byte
}

// SummaryKey names a Summary.
type SummaryKey struct {
	Kind, Site, Node, Source string
	Epoch                    int64
}

// SummarySnapshot is one save of the learned state: all of it is stored with the journal position it covers, or none.
type SummarySnapshot struct {
	// Covered is the journal's number up to which every event is in the summaries.
	Covered uint64
	// Changed are new or other than stored; Gone are no longer part of the state. The rest stays.
	Changed []Summary
	Gone    []SummaryKey
}

// SeriesPoint is what happened at one endpoint in one interval.
type SeriesPoint struct {
	Site, Node, Source string
	// Endpoint is a birth id; 0 stands for exchanges that matched none.
	Endpoint identity.EndpointID
	// At is the interval's beginning in Unix seconds of event time, Step its length in seconds.
	At, Step int64
	// Arrived is the latest arrival in Unix seconds; retention goes by it.
	Arrived int64

	Requests, ClientErrors, ServerErrors, Blocked uint64
	RequestBytes, ResponseBytes                   uint64
	Latency                                       Latency
}

// Event is a row of the recent events: what a verdict line shows.
type Event struct {
	// Row rises with every stored event: the cursor of a list.
	Row            uint64
	ID             string
	Seq            uint64
	Time, Arrived  time.Time
	Site, Node     string
	Source         string
	Method, Host   string
	Template       string
	Endpoint       identity.EndpointID
	Actor          string
	Principal      string // a token, or the name where the site shows one
	Strength       string
	Address        string
	Country        string
	ASN            uint32 // of the address's network, 0 when unknown
	UserAgent      string
	Fingerprint    string // 16 hexadecimal digits, empty when the source could not see it
	JA4, HTTP2     string // the connection's fingerprints, RPC the call's protocol and status, as verdict lines write them
	RPC            string
	Mode           string
	Action, Would  string
	Rule           string
	Status         int
	Severity       int    // of the worst finding, 0 for none
	Findings       []byte // JSON array as in verdict lines
	FindingIDs     []string
	LatencyMicros  int64
	FindingsCapped bool // Findings was too long and holds only the first
	Notable        bool // see Notable
	// Detail is what its page and its replay need beside; Shape the places that were observed. Both are zero in rows of
	// earlier versions.
	Detail EventDetail
	Shape  Shape
}

// EndpointEdit is what people said of an endpoint; it wins over what was learned.
type EndpointEdit struct {
	Site     string
	Endpoint identity.EndpointID
	Owner    string
	Labels   []string
	// Ignored hides it from lists and posture.
	Ignored bool
	// Template is the name its path is shown by; empty for the learned one. Matching does not change.
	Template string
	By       string
	At       time.Time
}

// Says tells whether the edit says anything; one that does not is no edit.
func (e *EndpointEdit) Says() bool {
	return e.Owner != "" || len(e.Labels) > 0 || e.Ignored || e.Template != ""
}

// EditBatch is a change of many endpoints at a time, with what it replaced.
type EditBatch struct {
	ID   string
	By   string
	At   time.Time
	What string // in words
	// Count is how many endpoints it changed.
	Count  int
	Undone bool
	// Before are the edits as they were, an empty one for an endpoint that had none; nil in lists.
	Before []EndpointEdit
}

// View is a query of a room that somebody keeps under a name.
type View struct {
	ID      string
	Account string // whose it is
	Room    string // such as "inventory"
	Name    string
	Query   string // of the room's address, without "?"
	Shared  bool   // others see it, too
	At      time.Time
	// Default: the room opens with it, for who asked.
	Default bool
}

// SeriesQuery selects points of a time series.
type SeriesQuery struct {
	Site     string              // "" for all sites
	Endpoint identity.EndpointID // with All unset; 0 stands for exchanges that matched none
	All      bool                // all endpoints together
	From, To time.Time           // event time; To is exclusive
	// Step is the length of the points asked for, a multiple of ten seconds. Where only a coarser tier is left, its points
	// stand in the interval in which they begin.
	Step time.Duration
}

// MaxSeriesPoints is the most points one query may ask for.
const MaxSeriesPoints = 10_000

func sortPoints(all []SeriesPoint) {
	slices.SortFunc(all, func(a, b SeriesPoint) int {
		return cmp.Or(cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.At, b.At), cmp.Compare(a.Site, b.Site),
			cmp.Compare(a.Node, b.Node), cmp.Compare(a.Source, b.Source))
	})
}

// Merge adds the counts of o, whatever its interval.
func (p *SeriesPoint) Merge(o *SeriesPoint) {
	p.Requests += o.Requests
	p.ClientErrors += o.ClientErrors
	p.ServerErrors += o.ServerErrors
	p.Blocked += o.Blocked
	p.RequestBytes += o.RequestBytes
	p.ResponseBytes += o.ResponseBytes
	p.Arrived = max(p.Arrived, o.Arrived)
	p.Latency.Merge(&o.Latency)
}
