// Package finding is what a check says about an exchange or an endpoint, in standard classes, with masked evidence; incidents.
package finding

import (
	"errors"

	"merlon/internal/model/identity"
)

// Severity orders how bad a finding would be if it is true.
type Severity uint8

const (
	Low Severity = iota + 1
	Medium
	High
	Critical
)

// String is the word of verdict lines.
func (s Severity) String() string {
	switch s {
	case Low:
		return "low"
	case Medium:
		return "medium"
	case High:
		return "high"
	case Critical:
		return "critical"
	default:
		return "none"
	}
}

// ParseSeverity reads the word that String writes.
func ParseSeverity(s string) (Severity, bool) {
	for v := Low; v <= Critical; v++ {
		if v.String() == s {
			return v, true
		}
	}
	return 0, false
}

// MarshalText writes the word.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// ErrSeverity is returned for a word that is no severity.
var ErrSeverity = errors.New("severity is none of low, medium, high, critical")

// UnmarshalText reads the word.
func (s *Severity) UnmarshalText(text []byte) error {
	v, ok := ParseSeverity(string(text))
	if !ok && string(text) != "none" {
		return ErrSeverity
	}
	*s = v
	return nil
}

// Stage is the part of the pipeline a finding comes from: the first word of its id.
type Stage uint8

const (
	StageWire Stage = iota
	StageIdentify
	StageAccess
	StageContract
	StagePayload
	StageBehaviour
	StagePosture
	StagePolicy
	StageEngine
	NumStages
)

var stageNames = [NumStages]string{"wire", "identify", "access", "contract", "payload", "behaviour", "posture", "policy", "engine"}

// String is the stage's name in finding ids and in a policy's modes.
func (s Stage) String() string {
	if s < NumStages {
		return stageNames[s]
	}
	return "unknown"
}

// ParseStage reads the name that String writes.
func ParseStage(name string) (Stage, bool) {
	for s := Stage(0); s < NumStages; s++ {
		if stageNames[s] == name {
			return s, true
		}
	}
	return 0, false
}

// Finding is one thing a check says about an exchange.
type Finding struct {
	// ID is stable: stage.name, such as "wire.obs-fold".
	ID    string `json:"id"`
	Stage Stage  `json:"-"`
	// Classes are OWASP API Top 10 2023 ids, OAT ids and CWE ids that truly apply.
	Classes  []string `json:"classes,omitempty"`
	Severity Severity `json:"severity"`
	// Score is 0..1; 1 for a deterministic check.
	Score float64 `json:"score"`
	// Where is the place in the exchange: "query.q", "header.x", "body.items[].name", "wire".
	Where string `json:"where,omitempty"`
	// Evidence is masked: never a credential, never a whole card or identity number.
	Evidence string `json:"evidence,omitempty"`
	Why      string `json:"why,omitempty"`
}

// Posture is a finding about an endpoint instead of an exchange, such as "writes are answered without credentials".
type Posture struct {
	ID        string              `json:"id"`
	Endpoint  identity.EndpointID `json:"endpoint_id"`
	Classes   []string            `json:"classes,omitempty"`
	Severity  Severity            `json:"severity"`
	Confirmed bool                `json:"confirmed"`
	Why       string              `json:"why"`
	Mend      string              `json:"mend,omitempty"`
}
