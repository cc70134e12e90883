package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"
)

func writeFile(name, text string) error { return os.WriteFile(name, []byte(text), 0o600) }

func taking(us, requests int) sample {
	return sample{
		outcome: outcome{Requests: requests, Duration: time.Second}, CPU: time.Duration(us*requests) * time.Microsecond,
		Events: float64(requests), Learned: float64(requests), Memory: memory{RSS: mega, PSS: mega},
	}
}

func TestVerdicts(t *testing.T) {
	base := func() results {
		return results{Variant: variant{Name: "one"}, Samples: map[string][]sample{
			"haproxy": {taking(10, 100), taking(20, 100), taking(10, 100)},
			"nginx":   {taking(10, 100), taking(20, 100), taking(10, 100)},
			"merlon":  {taking(20, 100), taking(44, 100), taking(90, 100)}, // 2.0, 2.2 and 9.0 times its round
		}}
	}
	for _, c := range []struct {
		name   string
		change func(*results)
		missed string
	}{
		{"all met", func(*results) {}, ""},
		{"too dear", func(r *results) { r.Samples["merlon"][1] = taking(45, 100) }, "one: CPU"},
		{"an event was not learned", func(r *results) { r.Samples["merlon"][0].Learned-- }, "one: learning"},
		{"a request made no event", func(r *results) { r.Samples["merlon"][0].Events--; r.Samples["merlon"][0].Learned-- }, "one: learning"},
		{"a drop", func(r *results) { r.Samples["merlon"][2].Learned--; r.Samples["merlon"][2].Dropped++ }, "one: drops"},
		{"a refusal", func(r *results) { r.Samples["merlon"][2].Refused++ }, "one: answers"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := base()
			c.change(&r)
			var missed []string
			for _, v := range r.verdicts() {
				if !v.Met {
					missed = append(missed, v.Bar)
				}
			}
			if got := strings.Join(missed, ","); got != c.missed {
				t.Errorf("missed %q, want %q", got, c.missed)
			}
			var out bytes.Buffer
			if judge(&out, r.verdicts()) != (c.missed == "") || strings.Contains(out.String(), "MISSED") != (c.missed != "") {
				t.Errorf("judged:\n%s", out.String())
			}
		})
	}
	var out bytes.Buffer
	base().print(&out, []contender{{name: "haproxy"}, {name: "nginx"}, {name: "merlon"}})
	if !strings.Contains(out.String(), "learned 100 % of 300 events") {
		t.Errorf("table:\n%s", out.String())
	}
}

func TestShareIsNeverRoundedUpToAll(t *testing.T) {
	for _, c := range []struct {
		part, whole float64
		want        string
	}{{0, 0, "nothing"}, {10, 10, "100 %"}, {9_999_999, 10_000_000, "99.999 %"}, {1, 2, "50.000 %"}} {
		if got := share(c.part, c.whole); got != c.want {
			t.Errorf("%v of %v: %s, want %s", c.part, c.whole, got, c.want)
		}
	}
}

func TestEnduranceVerdicts(t *testing.T) {
	run := func(rss ...int64) endurance {
		e := endurance{Wanted: 800, Load: outcome{Requests: 800, Completed: true}}
		for i, m := range rss {
			n := float64(800 * (i + 1) / len(rss))
			e.Moments = append(e.Moments, moment{Events: n, Learned: n, Memory: memory{RSS: m * mega}})
		}
		return e
	}
	for _, c := range []struct {
		name   string
		e      endurance
		missed string
	}{
		{"flat after the beginning", run(10, 50, 100, 100, 105, 101, 104, 108), ""},
		{"grows", run(10, 50, 100, 100, 105, 110, 120, 130), "endurance: memory"},
		{"nothing was seen in a quarter", run(10, 20), "endurance: memory"},
		{"no look at all", endurance{Wanted: 800, Load: outcome{Requests: 800, Completed: true}}, "endurance: memory,endurance: learning"},
		{"time ran out", func() endurance { e := run(1, 1, 1, 1, 1, 1, 1, 1); e.Load.Completed = false; return e }(), "endurance: requests"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var missed []string
			for _, v := range c.e.verdicts() {
				if !v.Met {
					missed = append(missed, v.Bar)
				}
			}
			if got := strings.Join(missed, ","); got != c.missed {
				t.Errorf("missed %q, want %q", got, c.missed)
			}
		})
	}
}
