package store

import (
	"encoding/json"
	"time"

	"merlon/internal/model/event"
	"merlon/internal/model/finding"
	"merlon/internal/model/identity"
)

// maxFindings bounds an event's findings as stored, in bytes of JSON: an attacker chooses how many there are.
const maxFindings = 16 << 10

// Notable tells whether people will look for the event: it has findings, or something other than passing it on was done or
// would have been. All of these are kept; of the rest a sample.
func Notable(e *event.Event) bool {
	return len(e.Findings) > 0 || e.Anomalies != 0 || e.Verdict.Would != "" || e.Verdict.Action != "" && e.Verdict.Action != "allow"
}

// EventRow makes the row of an event.
func EventRow(e *event.Event) Event {
	r := Event{
		ID: e.ID.String(), Seq: e.Seq, Time: e.Time(), Arrived: time.Unix(0, e.Arrived).UTC(), Site: e.Site, Node: e.Node,
		Source: e.Source.String(), Method: e.Text(e.Method), Host: e.Text(e.Host), Template: e.Text(e.Template), Endpoint: e.Endpoint,
		Actor: ActorText(e.Actor), Strength: e.Principal.Strength.String(),
		UserAgent: e.Text(e.UserAgent), Fingerprint: fingerprint(e.Fingerprint), Mode: "watch", Action: e.Verdict.Action, Would: e.Verdict.Would, Rule: e.Verdict.Rule,
		JA4: e.Text(e.JA4), HTTP2: fingerprint(e.HTTP2), RPC: event.RPCText(e.RPC),
		Status: int(e.Status), LatencyMicros: e.Latency / 1000, Notable: Notable(e), ASN: e.Place.ASN, Detail: detailOf(e), Shape: shapeOf(e),
	}
	if e.Verdict.Enforced {
		r.Mode = "enforce"
	}
	if r.Principal = e.Text(e.PrincipalName); r.Principal == "" && e.Principal.Token != 0 {
		r.Principal = event.TokenText(e.Principal.Token)
	}
	if e.Client.IsValid() {
		r.Address = e.Client.Unmap().String()
	}
	if e.Place.Country != [2]byte{} {
		r.Country = string(e.Place.Country[:])
	}
	r.setFindings(e.Findings)
	return r
}

func (r *Event) setFindings(all []finding.Finding) {
	r.Findings = []byte("[]")
	for i := range all {
		f := &all[i]
		r.Severity = max(r.Severity, int(f.Severity))
		b, err := json.Marshal(f)
		if err != nil || len(r.Findings)+len(b)+1 > maxFindings {
			r.FindingsCapped = true
			continue
		}
		r.Findings = r.Findings[:len(r.Findings)-1]
		if len(r.FindingIDs) > 0 {
			r.Findings = append(r.Findings, ',')
		}
		r.Findings = append(append(r.Findings, b...), ']')
		r.FindingIDs = append(r.FindingIDs, f.ID)
	}
}

func fingerprint(f identity.Fingerprint) string {
	if f == 0 {
		return ""
	}
	return event.TokenText(uint64(f))
}

// ActorText is how rows write an actor: its kind and its token.
func ActorText(a identity.Actor) string { return a.Kind.String() + ":" + event.TokenText(a.Token) }
