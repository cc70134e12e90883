// Package payload: Attacks visible in one exchange: wire anomalies, injection, inclusion, SSRF, leakage; looks only at what is not proved.
//
// A detector is one file: what it finds, whom it must not accuse, its constructor, and one line in all.go. It looks at an
// exchange in one of its two phases, after the walk, and appends what it finds. In the clean case it allocates nothing.
package payload

import (
	"merlon/internal/inspect/walk"
	"merlon/internal/model/exchange"
	"merlon/internal/model/finding"
)

// Input is what detectors look at. It is valid during the call only.
type Input struct {
	Exchange *exchange.Exchange
	// Response tells the phase: the request was judged before, the answer is there now.
	Response bool
	// Report is the walk's report on the message of this phase.
	Report walk.Report
	// Told are the anomalies that an earlier phase reported.
	Told exchange.Anomalies
}

// Detector finds one family of attacks. It is immutable, safe for concurrent use, and must not keep anything of its input.
type Detector interface {
	// Name is the detector's word in messages, and the file it stands in.
	Name() string
	// Rules lists every finding it can make, for documentation and for checking a policy's modes and exceptions.
	Rules() []Rule
	// Detect appends its findings to out.
	Detect(in *Input, out []finding.Finding) []finding.Finding
}

// Rule is a finding that a detector can make, as documentation and policies see it.
type Rule struct {
	ID       string
	Severity finding.Severity
	Classes  []string
	Why      string
}

// Detectors runs a list of detectors in its order.
type Detectors []Detector

// Detect appends the findings of all.
func (d Detectors) Detect(in *Input, out []finding.Finding) []finding.Finding {
	for _, one := range d {
		out = one.Detect(in, out)
	}
	return out
}

// Rules lists the findings that all of them can make.
func (d Detectors) Rules() []Rule {
	var out []Rule
	for _, one := range d {
		out = append(out, one.Rules()...)
	}
	return out
}
