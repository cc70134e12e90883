package http1

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"merlon/internal/model/exchange"
)

var update = flag.Bool("update", false, "rewrite the generated parts of docs/reference/wire.md")

const wireDoc = "../../../docs/reference/wire.md"

// limitReasons are the last column of the limits table, by field of Limits.
var limitReasons = map[string]string{
	"StartLineBytes":      "RFC 9112 asks for 8000 at least; signed URLs reach 6 kB.",
	"HeadBytes":           "Cookie jars and Kerberos tickets stay below it; nginx allows as much.",
	"Fields":              "As Apache and Tomcat.",
	"ConnectionOptions":   "Each option is compared with every field.",
	"HostBytes":           "A DNS name of 253, a colon, a port of 5.",
	"ChunkSizeDigits":     "64 bits, leading zeros included.",
	"ChunkExtensionBytes": "For one whole body, so that tiny chunks with long extensions cost the sender most.",
	"TrailerBytes":        "Trailers are a checksum or a status.",
	"TrailerFields":       "As above.",
	"BodyBytes":           "0 is no limit: bodies stream and cost no memory. Policy sets it.",
}

// TestWireDoc holds docs/reference/wire.md to the tables in the code. Run with -update to rewrite it.
func TestWireDoc(t *testing.T) {
	raw, err := os.ReadFile(wireDoc)
	if err != nil {
		t.Fatal(err)
	}
	doc := string(raw)
	for name, text := range map[string]string{"anomalies": anomalyRows(), "limits": limitRows(t), "llhttp": llhttpRows(t)} {
		begin, end := "<!-- "+name+": begin -->\n", "<!-- "+name+": end -->\n"
		before, rest, ok := strings.Cut(doc, begin)
		old, after, ok2 := strings.Cut(rest, end)
		if !ok || !ok2 {
			t.Fatalf("%s has no part %q", wireDoc, name)
		}
		if old != text && !*update {
			t.Errorf("%s: part %q is not what the code says; run go test ./internal/edge/http1 -run TestWireDoc -update", wireDoc, name)
		}
		doc = before + begin + text + end + after
	}
	if *update {
		if err := os.WriteFile(wireDoc, []byte(doc), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func anomalyRows() string {
	var b strings.Builder
	b.WriteString("| Name | Meaning | Reference | Severity | Refused | Status | CWE |\n|---|---|---|---|---|---|---|\n")
	yes := map[bool]string{true: "yes", false: "no"}
	for a := exchange.Anomaly(1); int(a) < exchange.AnomalyCount; a++ {
		d := a.Describe()
		status := ""
		if d.Status != 0 {
			status = fmt.Sprint(d.Status)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s / %s | %s | %s |\n", d.Name, d.Meaning, d.Reference,
			[]string{"", "low", "medium", "high", "critical"}[d.Severity], yes[d.RejectsRequest], yes[d.RejectsResponse], status, d.CWE)
	}
	return b.String()
}

func limitRows(t *testing.T) string {
	var b strings.Builder
	v := reflect.ValueOf(DefaultLimits())
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		if limitReasons[name] == "" {
			t.Errorf("limit %s has no reason", name)
		}
		fmt.Fprintf(&b, "| `%s` | %d | %s |\n", name, v.Field(i).Int(), limitReasons[name])
	}
	return b.String()
}

func llhttpRows(t *testing.T) string {
	var b strings.Builder
	reasons, cases := readExplained(t)
	for _, r := range reasons {
		fmt.Fprintf(&b, "**%s**: %s\n\n", r[0], r[1])
		for _, c := range cases {
			if c.reason == r[0] {
				fmt.Fprintf(&b, "* %s, %s: %s\n", c.key, c.title, c.difference)
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// TestAnomalyTable checks what the table promises: complete, unique and consistent.
func TestAnomalyTable(t *testing.T) {
	seen := map[string]bool{}
	for a := exchange.Anomaly(1); int(a) < exchange.AnomalyCount; a++ {
		d := a.Describe()
		if !strings.HasPrefix(d.Name, "wire.") || seen[d.Name] {
			t.Errorf("%d: name %q is not a wire name or stands twice", a, d.Name)
		}
		seen[d.Name] = true
		if !strings.HasSuffix(d.Meaning, ".") || !strings.HasPrefix(d.Reference, "RFC ") || d.Severity < 1 || d.Severity > 4 {
			t.Errorf("%s: incomplete: %+v", d.Name, d)
		}
		if d.CWE != "" && d.CWE != "CWE-444" && d.CWE != "CWE-770" && d.CWE != "CWE-319" {
			t.Errorf("%s: unexpected class %q", d.Name, d.CWE)
		}
		if d.RejectsRequest && d.Status < 400 || !d.RejectsRequest && d.Status != 0 {
			t.Errorf("%s: status %d does not fit", d.Name, d.Status)
		}
		if got, ok := exchange.ParseAnomaly(d.Name); !ok || got != a {
			t.Errorf("%s does not parse back", d.Name)
		}
	}
	// The parser cannot go on behind these, so the table must not claim that they are only noted.
	for _, a := range []exchange.Anomaly{
		exchange.AnomalyBareCR, exchange.AnomalyNUL, exchange.AnomalyControlCharacter,
		exchange.AnomalyObsFold, exchange.AnomalyBadFieldName, exchange.AnomalyBadVersion, exchange.AnomalyBadChunk,
		exchange.AnomalyChunkSizeOverflow, exchange.AnomalyChunkExtensionTooLong, exchange.AnomalyTrailerTooLarge,
		exchange.AnomalyHeaderTooLarge, exchange.AnomalyTooManyHeaders, exchange.AnomalyLineTooLong, exchange.AnomalyBodyTooLarge,
	} {
		if d := a.Describe(); !d.RejectsRequest || !d.RejectsResponse {
			t.Errorf("%s must refuse on both sides", d.Name)
		}
	}
}

// TestEveryAnomalyHasACase: what the codec can report stands in the corpus or, for limits, in TestLimits; the rest is the
// caller's to report.
func TestEveryAnomalyHasACase(t *testing.T) {
	seen := exchange.Anomalies(0)
	for _, path := range []string{"testdata/requests.txt", "testdata/responses.txt"} {
		for _, c := range readCases(t, path) {
			seen.Union(c.anomalies)
		}
	}
	for _, c := range limitCases() {
		seen.Add(c.want)
	}
	for _, a := range []exchange.Anomaly{
		exchange.AnomalyTimeout, exchange.AnomalyUnsolicitedResponse, exchange.AnomalyHTTP2Flood, exchange.AnomalyHTTP2Malformed, exchange.AnomalyPlainHTTP,
	} {
		if seen.Has(a) {
			t.Errorf("%s needs a connection; the codec must not report it", a)
		}
		seen.Add(a)
	}
	for a := exchange.Anomaly(1); int(a) < exchange.AnomalyCount; a++ {
		if !seen.Has(a) {
			t.Errorf("%s has no case", a)
		}
	}
}
