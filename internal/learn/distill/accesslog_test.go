package distill

import (
	"bufio"
	"compress/gzip"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"merlon/internal/learn/summary"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/model/inventory"
)

// TestAccessLog learns from ten thousand lines of a web site's log, where nothing but paths, statuses and sizes is known:
// no answer can be compared, so templates rest on what follows and on how many there are.
func TestAccessLog(t *testing.T) {
	root := os.Getenv("MERLON_EVAL_DATA")
	if root == "" {
		t.Skip("MERLON_EVAL_DATA is not set: no access log to learn from")
	}
	f, err := os.Open(filepath.Join(root, "access-logs", "apache_logs.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`^(\S+) \S+ \S+ \[([^\]]+)\] "(\S+) (\S+) [^"]*" (\d+) (\S+)`)
	s := summary.New("site", testSeed)
	n := 0
	for in := bufio.NewScanner(z); in.Scan(); {
		m := line.FindStringSubmatch(in.Text())
		if m == nil {
			continue
		}
		at, err := time.Parse("02/Jan/2006:15:04:05 -0700", m[2])
		if err != nil {
			t.Fatal(err)
		}
		status, _ := strconv.ParseUint(m[5], 10, 16)
		e := &event.Event{At: at.UnixNano(), Arrived: at.UnixNano(), Status: uint16(status), Outcome: event.OutcomeNotForwarded}
		e.ID[14], e.ID[15] = byte(n>>8), byte(n)
		e.Observed = exchange.SawRequestLine | exchange.SawStatus | exchange.SawClient
		e.Method = e.Append([]byte(m[3]))
		e.ResponseBytes, _ = strconv.ParseInt(m[6], 10, 64)
		e.Client, _ = netip.ParseAddr(m[1])
		p, _, _ := strings.Cut(m[4], "?")
		(&maker{e}).path(p)
		s.Apply(e)
		n++
	}
	o := Distill(Input{State: s})
	seen := map[string]inventory.Endpoint{}
	for _, e := range o.Site.Endpoints {
		seen[e.Method+" "+e.Template] = e
		if e.Auth != inventory.AuthUnknown {
			t.Errorf("%s %s: authentication %s from a log that cannot show it", e.Method, e.Template, e.Auth)
		}
	}
	for _, want := range []string{
		"GET /", "GET /robots.txt", "GET /blog/tags/{tag}", "GET /presentations/{presentation}/images/{file}", "GET /projects/xdotool",
	} {
		if seen[want].State != inventory.Confirmed {
			t.Errorf("%s is %q, want it confirmed", want, seen[want].State)
		}
	}
	t.Logf("%d lines, %d endpoints, catch-all %v", n, len(o.Site.Endpoints), o.Site.CatchAll)
	if len(o.Site.Endpoints) > 600 || len(o.Site.CatchAll) != 0 {
		t.Errorf("%d endpoints, catch-all %v", len(o.Site.Endpoints), o.Site.CatchAll)
	}
}
