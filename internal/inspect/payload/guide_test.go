package payload

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"merlon/internal/inspect/walk"
	"merlon/internal/model/exchange"
	"merlon/internal/model/finding"
)

// begin of the guide's detector

// MethodOverride reports requests that ask the server to take them for another method: GET that deletes (CWE-436). Filters
// that go by method are passed by it.
//
// False positive: frameworks that send every write as POST with the header; hence low. Silent: a header that repeats the
// method.
type MethodOverride struct{}

// NewMethodOverride makes the detector.
func NewMethodOverride() MethodOverride { return MethodOverride{} }

// Name is "method-override".
func (MethodOverride) Name() string { return "method-override" }

// Rules lists its one finding.
func (MethodOverride) Rules() []Rule {
	return []Rule{{ID: "payload.method-override", Severity: finding.Low, Classes: []string{"CWE-436"}, Why: "the request asks to be taken for another method"}}
}

// Detect looks at the request's headers.
func (d MethodOverride) Detect(in *Input, out []finding.Finding) []finding.Finding {
	if in.Response {
		return out
	}
	for i := range in.Exchange.Request.Fields {
		f := &in.Exchange.Request.Fields[i]
		if bytes.EqualFold(f.Name, []byte("X-HTTP-Method-Override")) && !bytes.EqualFold(f.Value, in.Exchange.Method) {
			r := d.Rules()[0]
			return append(out, finding.Finding{
				ID: r.ID, Stage: finding.StagePayload, Severity: r.Severity, Classes: r.Classes, Score: 1,
				Where: "header.x-http-method-override", Why: r.Why,
			})
		}
	}
	return out
}

// end of the guide's detector

func TestMethodOverride(t *testing.T) {
	for _, tc := range []struct {
		name, method, header string
		fires                bool
	}{
		{"another method", "GET", "DELETE", true},
		{"silent: the same method", "PUT", "put", false},
		{"silent: no header", "GET", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x := &exchange.Exchange{Method: []byte(tc.method)}
			if tc.header != "" {
				x.Request.Fields = []exchange.Field{{Name: []byte("x-http-method-override"), Value: []byte(tc.header)}}
			}
			got := NewMethodOverride().Detect(&Input{Exchange: x, Report: walk.Report{}}, nil)
			if (len(got) == 1) != tc.fires {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// TestGuideIsTrue: the guide shows the detector above, line by line.
func TestGuideIsTrue(t *testing.T) {
	guide, err := os.ReadFile("../../../docs/guides/first-detector.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("guide_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(string(source), "// begin of the guide's detector\n\n")
	code, _, _ = strings.Cut(code, "\n// end of the guide's detector")
	if !strings.Contains(string(guide), code) {
		t.Error("docs/guides/first-detector.md does not show the detector of guide_test.go")
	}
}
