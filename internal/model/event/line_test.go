package event

import (
	"encoding/json"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"merlon/internal/model/exchange"
	"merlon/internal/model/finding"
	"merlon/internal/model/identity"
)

func lineEvent() *Event {
	e := &Event{
		ID: ID{15: 7}, At: time.Date(2026, 11, 2, 3, 4, 5, 6000, time.UTC).UnixNano(), Site: "acme", Node: "node-1",
		Source: exchange.SourceProxy, Endpoint: 12, Status: 200, Latency: 1_500_000,
		Client: netip.MustParseAddr("192.0.2.7"), Place: identity.Place{Country: [2]byte{'P', 'L'}}, Fingerprint: 0xabc,
		Principal: identity.Principal{Token: 0x1f, Strength: identity.Accepted},
		Actor:     identity.Actor{Kind: identity.ActorPrincipal, Token: 0x1f},
		Verdict:   Verdict{Action: "allow", Would: "block", Rule: "office only"},
		Findings: []finding.Finding{{
			ID: "wire.obs-fold", Classes: []string{"CWE-444"}, Severity: finding.High, Score: 1, Where: "wire", Why: "folded",
		}},
	}
	e.Method, e.Host, e.Template = e.AppendString("GET"), e.AppendString("api.acme.example"), e.AppendString("/patients/{patientId}")
	return e
}

func TestAppendLine(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Event)
		number int
		want   string
	}{
		{"watched", func(*Event) {}, 3, `{"id":"00000000000000000000000007","line":3,"time":"2026-11-02T03:04:05.000006Z","site":"acme","node":"node-1","source":"proxy",` +
			`"endpoint":"GET /patients/{patientId}","endpoint_id":12,"method":"GET","host":"api.acme.example","actor":"principal:000000000000001f",` +
			`"principal":{"name":"000000000000001f","strength":"accepted"},"address":"192.0.2.7","country":"PL","fingerprint":"0000000000000abc",` +
			`"mode":"watch","action":"allow","would":"block","rule":"office only","status":200,"latency_ms":1.5,` +
			`"findings":[{"id":"wire.obs-fold","classes":["CWE-444"],"severity":"high","score":1,"where":"wire","why":"folded"}]}`},
		{"blocked, named, nothing matched", func(e *Event) {
			e.Verdict = Verdict{Enforced: true, Action: "block", Status: 403}
			e.PrincipalName, e.Template, e.Endpoint, e.Findings, e.Latency = e.AppendString("alice"), Span{}, 0, nil, 0
		}, 0, `{"id":"00000000000000000000000007","time":"2026-11-02T03:04:05.000006Z","site":"acme","node":"node-1","source":"proxy",` +
			`"endpoint":"","endpoint_id":0,"method":"GET","host":"api.acme.example","actor":"principal:000000000000001f",` +
			`"principal":{"name":"alice","strength":"accepted"},"address":"192.0.2.7","country":"PL","fingerprint":"0000000000000abc",` +
			`"mode":"enforce","action":"block","status":403,"findings":[]}`},
		{"connection and call", func(e *Event) {
			e.JA4, e.HTTP2, e.RPC = e.AppendString("t13d1516h2_8daaf6152771_02713d6af862"), 0xdef, exchange.RPC{Protocol: exchange.GRPC, Known: true, Status: 7}
			e.Findings, e.Verdict.Would, e.Verdict.Rule = nil, "", ""
		}, 0, `{"id":"00000000000000000000000007","time":"2026-11-02T03:04:05.000006Z","site":"acme","node":"node-1","source":"proxy",` +
			`"endpoint":"GET /patients/{patientId}","endpoint_id":12,"method":"GET","host":"api.acme.example","actor":"principal:000000000000001f",` +
			`"principal":{"name":"000000000000001f","strength":"accepted"},"address":"192.0.2.7","country":"PL","fingerprint":"0000000000000abc",` +
			`"ja4":"t13d1516h2_8daaf6152771_02713d6af862","h2":"0000000000000def","rpc":"grpc 7",` +
			`"mode":"watch","action":"allow","status":200,"latency_ms":1.5,"findings":[]}`},
		{"nothing known", func(e *Event) { *e = Event{} }, 0, `{"id":"00000000000000000000000000","time":"1970-01-01T00:00:00Z","site":"","source":"proxy",` +
			`"endpoint":"","endpoint_id":0,"actor":"network:0000000000000000","principal":{"name":"","strength":"anonymous"},` +
			`"mode":"watch","action":"allow","status":0,"findings":[]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := lineEvent()
			tt.change(e)
			if diff := cmp.Diff(tt.want, string(AppendLine(nil, e, tt.number))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLineEscapesHostileText(t *testing.T) {
	hostile := "\"\\\x00\x1b[2J\x7f\u009b31m\u202e\u2028\xff<script>é\ufeff日"
	e := lineEvent()
	e.UserAgent, e.Template, e.PrincipalName = e.AppendString(hostile), e.AppendString(hostile), e.AppendString(hostile)
	e.Findings[0].Evidence, e.Findings[0].Score = hostile, math.NaN()
	line := AppendLine(nil, e, 0)
	if strings.ContainsAny(string(line), "\x00\x1b\x7f\u009b\u202e\u2028\ufeff\n") || !utf8.Valid(line) {
		t.Fatalf("not harmless: %q", line)
	}
	var back struct {
		Agent     string `json:"user_agent"`
		Endpoint  string
		Principal struct{ Name string }
		Findings  []finding.Finding
	}
	if err := json.Unmarshal(line, &back); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	want := strings.ToValidUTF8(hostile, "\ufffd")
	if back.Agent != want || back.Endpoint != "GET "+want || back.Principal.Name != want || back.Findings[0].Evidence != want || back.Findings[0].Score != 0 {
		t.Errorf("changed: %+v", back)
	}
}

func TestLineFindingsThatAreNone(t *testing.T) {
	for _, f := range []string{"", "null", `{"a":1}`, `[{]`, `[] trailing`} {
		l := Line{Findings: []byte(f)}
		if got := string(l.Append(nil)); !strings.HasSuffix(got, `"findings":[]}`) || !json.Valid([]byte(got)) {
			t.Errorf("%q: %s", f, got)
		}
	}
	l := Line{Findings: []byte(" [ {\"why\":\n\"\u009b\"}]\n")}
	if got := string(l.Append(nil)); !strings.HasSuffix(got, `"findings":[{"why":"\u009b"}]}`) {
		t.Errorf("stored text is not escaped: %s", got)
	}
}

func FuzzLine(f *testing.F) {
	f.Add("GET", "/a/{b}", "x\x1b", []byte(`[{"id":"a"}]`))
	f.Add("\xff", "\"\\", "\u202e", []byte(`[`))
	f.Fuzz(func(t *testing.T, method, template, agent string, findings []byte) {
		l := Line{Method: method, Template: template, UserAgent: agent, Findings: findings}
		out := l.Append(nil)
		if !json.Valid(out) || !utf8.Valid(out) {
			t.Fatalf("not JSON: %q", out)
		}
		for _, r := range string(out) {
			if r < 0x20 || r == 0x7f || unsafeRune(r) {
				t.Fatalf("%U in %q", r, out)
			}
		}
	})
}

func BenchmarkLine(b *testing.B) {
	e, dst := lineEvent(), []byte(nil)
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendLine(dst[:0], e, 1)
	}
}
