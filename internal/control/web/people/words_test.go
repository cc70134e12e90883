package people

import (
	"encoding/csv"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"merlon/internal/control/admin"
)

func TestBrowser(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0":                                                                  "Firefox on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0":           "Edge on Windows",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 Mobile/15E148 Safari/604.1": "Safari on iPhone",
		"Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36":                            "Chrome on Android",
		"curl/8.9.1":              "curl",
		"":                        "no name given",
		strings.Repeat("ż", 50):   strings.Repeat("ż", 40) + "…",
		"something else entirely": "something else entirely",
	} {
		if got := browser(agent); got != want {
			t.Errorf("%.40q: %q, want %q", agent, got, want)
		}
	}
}

func TestQR(t *testing.T) {
	d, err := drawQR("otpauth://totp/Merlon:ana?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Merlon")
	if err != nil || !strings.HasPrefix(d.Path, "M4 4h7v1h-7z") { // the finder pattern, behind the quiet zone
		t.Errorf("%.40q %v", d.Path, err)
	}
	if strings.Trim(d.Path, "Mhvz- 0123456789") != "" || d.Box != "0 0 "+d.Size+" "+d.Size {
		t.Errorf("%q %q", d.Box, d.Size)
	}
	if _, err := drawQR(strings.Repeat("x", 5000)); err == nil {
		t.Error("more than fits was drawn")
	}
}

func TestAuditCSVRunsNothing(t *testing.T) {
	w := httptest.NewRecorder()
	put := auditCSV(w)
	if err := put(nil); err != nil {
		t.Fatal(err)
	}
	if err := put([]admin.AuditEntry{{Number: 1, Actor: "=1+1", Target: " @x", Detail: "\x1b[31m\n-2"}}); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(w.Body).ReadAll()
	if err != nil || len(rows) != 2 || rows[1][2] != "'=1+1" || rows[1][5] != "' @x" || strings.ContainsAny(rows[1][6], "\x1b\n") {
		t.Errorf("%q %v", rows, err)
	}
}

func TestLeft(t *testing.T) {
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	for d, want := range map[time.Duration]string{24 * time.Hour: "in 24 h", time.Minute: "in 1 h", 90 * 24 * time.Hour: "in 90 days", 0: "has ended", -time.Hour: "has ended"} {
		if got := left(now.Add(d), now); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func FuzzAuditQuery(f *testing.F) {
	f.Add("actor=ana&since=2026-01-31&until=2026-02-01&before=12")
	f.Add("since=now&before=-1&target=%ff%00")
	f.Fuzz(func(t *testing.T, raw string) {
		v, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		if q, err := auditQuery(v); err == nil && (q.Before > 1<<63 || v.Get("until") != "" && q.Until.IsZero()) {
			t.Errorf("%q became %+v", raw, q)
		}
	})
}
