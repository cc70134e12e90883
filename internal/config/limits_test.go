package config

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const limitsPage = "../../docs/reference/limits.md"

// reasons say why a default is what it is; every key of limits, timeouts and retention needs one.
var reasons = map[string]string{
	"limits.connections":             "Two descriptors each at worst, within the common limit of 65,536; an idle one takes less than 16 KB.",
	"limits.connections_per_network": "An office or a carrier's gateway has fewer to one API; it only counts when room is short, so that a balancer in front without PROXY protocol is not hit in peace.",
	"limits.handshakes":              "A core computes 2,000 to 5,000 a second: what waits longer than half a second is gone before it is served.",
	"limits.streams_per_connection":  "RFC 9113 section 6.5.2 asks for 100 or more; nginx has 128.",
	"limits.upstream_connections":    "What a busy server keeps; idle ones beyond it are closed.",
	"limits.upstream_in_use":         "More requests under way than this to one server is a server that does not answer.",
	"limits.head_bytes":              "nginx takes 4 buffers of 8 KiB, HAProxy 16 KiB less reserve.",
	"limits.header_fields":           "HAProxy has 101, Apache 100: what passes there passes here.",
	"limits.target_bytes":            "RFC 9112 section 3 asks for at least 8000.",
	"limits.body_bytes":              "Uploads of any size stream through; only their beginning is held. APIs without uploads should set it.",
	"limits.body_bytes_per_second":   "Kestrel's rate; a modem of 1990 is faster. It ends bodies that are sent to hold a connection.",
	"limits.inspect_request_bytes":   "Held on each connection that sends a body until it is judged; nearly all JSON bodies are smaller.",
	"limits.inspect_response_bytes":  "As for requests.",
	"limits.queue_events":            "Most of a second at 20,000 requests a second, and about 80 MB when full.",
	"limits.memory_bytes":            "70 % of what there is leaves room for the page cache and for a second process during a hand-over; 2 GiB is twice what full connections, queue and learned state take, so a leak or a flood meets the collector and shedding before it meets the machine's other programs.",
	"timeouts.handshake":             "Slow mobile networks need three seconds; who needs ten holds a connection for nothing.",
	"timeouts.head":                  "The answer to Slowloris: a head fits into a few packets.",
	"timeouts.body":                  "A pause of this length in a body is a peer that is gone.",
	"timeouts.idle":                  "Longer than the 60 s at which common load balancers drop theirs, so that they close first.",
	"timeouts.connect":               "Two lost SYNs are sent again within 3 s.",
	"timeouts.response":              "nginx's proxy_read_timeout.",
	"timeouts.drain":                 "Half of the 30 s after which orchestrators kill.",
	"retention.journal_bytes":        "Weeks of sampled actors of a small API, hours of a busy one.",
	"retention.journal_age":          "A week holds every weekly habit once.",
	"retention.event_rows":           "What people page through; older ones are in the series.",
}

// fixed are bounds without a key: the file, the constant, its expression, and why. An expression that changes in the code
// fails the test, so that whoever changes it looks at the reason.
var fixed = []struct{ file, name, expression, reason string }{
	{"internal/config/load.go", "maxFile", "1 << 20", "A configuration file; a thousand sites with ten hosts take 300 KiB."},
	{"internal/config/load.go", "maxDepth", "32", "Nesting of a configuration file, whose parser recurses."},
	{"internal/config/load.go", "maxNodes", "100_000", "Values of a configuration file with aliases written out, against a few lines that grow without end."},
	{"internal/config/check.go", "maxHops", "16", "Proxies of one's own in a row."},
	{"internal/core/bundle.go", "MaxSpecBytes", "64 << 20", "An API description; the largest public ones have 10 MB."},
	{"internal/core/handover/process.go", "maxState", "1 << 30", "What a process tells the next one; a hundred thousand endpoints take 40 MB."},
	{"internal/serve/takeover.go", "handOverWithin", "time.Minute", "A new process's time to begin to serve; ten thousand operations compile in seconds."},
	{"internal/edge/proxy/conn.go", "drainGrace", "500 * time.Millisecond", "A waiting connection's last chance to bring a request when the process drains."},
	{"internal/edge/proxy/conn.go", "firstBuffer", "8 << 10", "The first read of a connection takes an ordinary request whole."},
	{"internal/edge/proxy/conn.go", "keptBuffer", "64 << 10", "What a connection keeps of a buffer that grew for one exchange."},
	{"internal/edge/http2/write.go", "maxPending", "64 << 10", "What waits to be sent on an HTTP/2 connection; whoever has more to write waits."},
	{"internal/edge/http2/write.go", "maxUnread", "256 << 10", "The same with our answers to PING, SETTINGS and faults; a client that makes more wait does not read, and is let go."},
	{"internal/edge/proxy/stream/conn.go", "pressedStreams", "8", "Requests under way on one HTTP/2 connection while memory is above PressureHigh; further ones may be sent again at once (REFUSED_STREAM)."},
	{"internal/enforce/engine/transaction.go", "maxUserAgent", "256", "What an event keeps of User-Agent; real ones rarely exceed 200 bytes."},
	{"internal/edge/proxy/listen/admission.go", "PressureHigh", "0.90", "Share of the memory ceiling from which on idle connections are closed and crowded networks turned away."},
	{"internal/edge/proxy/listen/admission.go", "PressureFull", "0.97", "Share of the memory ceiling from which on requests are refused."},
	{"internal/control/admin/surface.go", "MaxBody", "64 << 10", "What one request to dashboard or API may send."},
	{"internal/control/api/quota/quota.go", "Burst", "600", "Requests to the API that one account, token or unknown address may send at once; a page of the dashboard takes a few, a program that walks 100,000 endpoints 200."},
	{"internal/control/api/quota/quota.go", "PerSecond", "20", "Requests that come back to it each second."},
	{"internal/control/api/quota/repeat.go", "repeatAge", "24 * time.Hour", "How long the answer to an Idempotency-Key is remembered, in memory."},
	{"internal/control/api/quota/repeat.go", "maxRepeats", "4096", "Idempotency-Keys remembered; the oldest make room."},
	{"internal/control/api/quota/repeat.go", "maxRepeated", "8 << 20", "Memory for their answers."},
	{"internal/control/admin/standing.go", "maxStanding", "10_000", "Blocks made by people; more belong into a list of the policy."},
	{"internal/telemetry/metrics.go", "maxScrapes", "4", "Scrapes of /metrics at a time."},
}

// TestLimitsPage keeps the page about limits equal to the code: defaults and bounds from the configuration, the rest by
// the constants themselves.
func TestLimitsPage(t *testing.T) {
	want := limitsText(t)
	if *update {
		if err := os.WriteFile(limitsPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(limitsPage)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the code says; run: go test ./internal/config -run TestLimitsPage -update", limitsPage)
	}
}

func limitsText(t *testing.T) string {
	var b strings.Builder
	b.WriteString("# Limits\n\n<!-- Written by `go test ./internal/config -run TestLimitsPage -update` from the code. -->\n\n" +
		"Everything that comes from outside is bounded. What is bounded by configuration stands first, with its default and why; " +
		"what each key means and between which bounds it may stand is in [config.md](config.md) and in what `merlon config check` says.\n" +
		"When memory is short, what is worst goes first: idle connections of the networks that have most, then new connections of those, then requests (503).\n")
	c := Default()
	used := 0
	for _, part := range []struct {
		name string
		v    reflect.Value
	}{{"limits", reflect.ValueOf(c.Limits)}, {"timeouts", reflect.ValueOf(c.Timeouts)}, {"retention", reflect.ValueOf(c.Retention)}} {
		fmt.Fprintf(&b, "\n## %s\n\n| key | default | why |\n|---|---|---|\n", part.name)
		for i := range part.v.NumField() {
			key := part.name + "." + part.v.Type().Field(i).Tag.Get("yaml")
			why, ok := reasons[key]
			if !ok {
				t.Errorf("%s has no reason", key)
			}
			used++
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", key, shown(part.v.Field(i)), why)
		}
	}
	if used != len(reasons) {
		t.Errorf("%d reasons for %d keys", len(reasons), used)
	}
	b.WriteString("\n## fixed\n\n| what | value | why |\n|---|---|---|\n")
	for _, f := range fixed {
		if got := constant(t, filepath.Join("../..", f.file), f.name); got != f.expression {
			t.Errorf("%s %s is %q in the code, %q in the table", f.file, f.name, got, f.expression)
		}
		fmt.Fprintf(&b, "| `%s` in %s | `%s` | %s |\n", f.name, f.file, f.expression, f.reason)
	}
	return b.String()
}

// constant is the expression of a constant, as it is written.
func constant(t *testing.T, file, name string) string {
	t.Helper()
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, s := range g.Specs {
			v := s.(*ast.ValueSpec)
			for i, n := range v.Names {
				if n.Name == name && i < len(v.Values) {
					var b strings.Builder
					if err := printer.Fprint(&b, set, v.Values[i]); err != nil {
						t.Fatal(err)
					}
					return b.String()
				}
			}
		}
	}
	return ""
}
