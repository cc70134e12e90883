package query

import (
	"strings"
	"testing"
	"time"

	"merlon/internal/control/admin"
)

// FuzzQuery: whatever a query string says, reading it ends in a query within its bounds or in a mistake that names a field.
func FuzzQuery(f *testing.F) {
	for _, s := range []string{
		"", "limit=5&cursor=3&site=a", "limit=0", "limit=-1", "q=%zz", "q=a&q=b", "sort=risk&state=candidate", "severity=high&since=2026-01-01T00:00:00Z",
		"endpoint=4294967296", "a;b", "step=9&from=x", "sensitive=true", strings.Repeat("q", 300) + "=1",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		check := func(err error) bool {
			if err != nil && !strings.Contains(err.Error(), ": ") {
				t.Fatalf("%q: %v", raw, err)
			}
			return err == nil
		}
		if q, err := Parse(raw, Inventory()).Inventory(); check(err) {
			if q.Limit < 1 || q.Limit > admin.MaxPage || len(q.Search) > maxValue {
				t.Fatalf("%q: %+v", raw, q)
			}
		}
		if q, err := Parse(raw, Event(Pages()...)).Events(time.Unix(1e9, 0)); check(err) && (q.Limit < 1 || q.Limit > admin.MaxPage || q.MinSeverity > 4) {
			t.Fatalf("%q: %+v", raw, q)
		}
		if q, err := Parse(raw, []Parameter{{Name: "from"}, {Name: "to"}, {Name: "step"}, {Name: "endpoint"}}).Series(time.Unix(1e9, 0)); check(err) && q.Step < 10*time.Second {
			t.Fatalf("%q: %+v", raw, q)
		}
		// The same mistake every time, whatever the order of a map.
		a, b := Parse(raw, Inventory()), Parse(raw, Inventory())
		if (a.Err == nil) != (b.Err == nil) || a.Err != nil && a.Err.Error() != b.Err.Error() {
			t.Fatalf("%q: %v, then %v", raw, a.Err, b.Err)
		}
	})
}
