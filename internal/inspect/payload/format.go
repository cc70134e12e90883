package payload

import (
	"strconv"

	"merlon/internal/inspect/walk"
	"merlon/internal/model/exchange"
	"merlon/internal/model/finding"
)

// Format reports content that two parsers may read differently, or that costs a parser more than its size: what the walk
// noted as issues. None of it is an attack by itself, so all of it is low or medium, and meant for watching.
//
// False positive: hand-written clients send malformed JSON every day. Silent: a body that was cut at the inspection
// limit, a parameter given several times in a query or form (that is how lists are sent), content codings of answers
// that the walk does not decode.
type Format struct {
	rules [walk.NumIssues]formatRule
}

type formatRule struct {
	Rule
	request, response bool // the phases in which it is reported
}

// NewFormat makes the detector.
func NewFormat() *Format {
	f := &Format{}
	add := func(i walk.Issue, id string, s finding.Severity, response bool, why string, classes ...string) {
		f.rules[i] = formatRule{Rule{"payload." + id, s, classes, why}, true, response}
	}
	add(walk.IssueMalformed, "malformed-body", finding.Low, true, "The body is not valid for its declared type.")
	add(walk.IssueDuplicateName, "duplicate-key", finding.Medium, false, "An object has two members of one name; a filter may read one and the server the other (RFC 8259 section 4).", "CWE-436")
	add(walk.IssueEncoding, "invalid-utf8", finding.Low, false, "The text is not UTF-8, or escapes half of a surrogate pair; servers replace, drop or refuse it.", "CWE-176")
	add(walk.IssueByteOrderMark, "byte-order-mark", finding.Low, false, "A JSON text begins with a byte-order mark, which some parsers skip and others refuse (RFC 8259 section 8.1).", "CWE-436")
	add(walk.IssueNumber, "number-range", finding.Low, false, "A number does not fit a double; parsers clamp, refuse or keep it (RFC 8259 section 6).", "CWE-436")
	add(walk.IssueDepth, "depth", finding.Medium, false, "Containers are nested deeper than any API needs; recursive parsers run out of stack.", "CWE-674")
	add(walk.IssuePercent, "bad-percent-encoding", finding.Low, false, "A '%' in query or form is not followed by two hexadecimal digits; servers decode the rest differently.", "CWE-177")
	add(walk.IssueCoding, "unknown-coding", finding.Low, false, "The request's body has a content coding that is not looked into.")
	add(walk.IssueCorrupt, "corrupt-coding", finding.Low, false, "The body's content coding cannot be undone.")
	add(walk.IssueBomb, "decompression-bomb", finding.Medium, true, "The body grows out of proportion when its content coding is undone.", "CWE-409")
	add(walk.IssueTypeDiffers, "type-differs", finding.Low, false, "The body is JSON and its declared type says otherwise, so that checks by type pass it by.", "CWE-436")
	return f
}

// Name is "format".
func (*Format) Name() string { return "format" }

// Rules lists one finding for each issue that is reported.
func (f *Format) Rules() []Rule {
	var out []Rule
	for i := range f.rules {
		if f.rules[i].ID != "" {
			out = append(out, f.rules[i].Rule)
		}
	}
	out = append(out, f.malformedJSON())
	return out
}

// malformedJSON is the malformed body of a type that is JSON, which deserves a name of its own.
func (f *Format) malformedJSON() Rule {
	r := f.rules[walk.IssueMalformed].Rule
	r.ID = "payload.malformed-json"
	return r
}

// Detect reports the issues of the message of this phase.
func (f *Format) Detect(in *Input, out []finding.Finding) []finding.Finding {
	if in.Report.Issues == 0 {
		return out
	}
	message, part := &in.Exchange.Request, exchange.InBody
	if in.Response {
		message, part = &in.Exchange.Response, exchange.InResponseBody
	}
	for i := range in.Report.Issues.All() {
		r := &f.rules[i]
		if in.Response && !r.response || !in.Response && !r.request {
			continue
		}
		rule, where, why := r.Rule, part.String(), r.Why
		switch i {
		case walk.IssueMalformed:
			if declared, _ := message.Field(exchange.HeaderContentType); walk.IsJSON(declared) {
				rule = f.malformedJSON()
			}
			why += " It stops being valid at byte " + strconv.Itoa(in.Report.At) + "."
		case walk.IssueDuplicateName:
			where = duplicate(in.Exchange, part)
		case walk.IssuePercent:
			where = percent(in.Exchange)
		}
		out = append(out, finding.Finding{
			ID: rule.ID, Stage: finding.StagePayload, Classes: rule.Classes, Severity: rule.Severity, Score: 1, Where: where, Why: why,
		})
	}
	return out
}

// duplicate is the place of the first second member.
func duplicate(x *exchange.Exchange, part exchange.Part) string {
	for i := range x.Leaves {
		if x.Leaves[i].Part == part && x.Leaves[i].Flags&exchange.LeafDuplicate != 0 {
			return walk.Where(x.Leaves, i)
		}
	}
	return part.String()
}

// percent tells whether the query or the form is meant: only one of the two with a body of another kind.
func percent(x *exchange.Exchange) string {
	if x.Request.BodyKind != exchange.BodyForm {
		return exchange.InQuery.String()
	}
	return exchange.InQuery.String() + "|" + exchange.InBody.String()
}
