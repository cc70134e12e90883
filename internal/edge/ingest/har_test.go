package ingest

import (
	"errors"
	"io"
	"strings"
	"testing"

	"merlon/internal/edge/ingest/record"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// TestJuiceShop reads a recording of a browser made by a proxy.
func TestJuiceShop(t *testing.T) {
	t.Parallel()
	var format string
	kinds := make(map[string]int)
	statuses := make(map[uint16]int)
	res := run(t, Options{Opened: func(_, f string) { format = f }}, func(e *event.Event) {
		statuses[e.Status]++
		kinds[e.ResponseBody.String()]++
		if e.Text(e.Host) != "juiceshop.akto.io" || !e.Observed.Has(seenEntry|exchange.SawStatus|exchange.SawLatency) || e.Observed.Has(exchange.SawClient) {
			t.Errorf("%s: observed %b", e.Text(e.Host), e.Observed)
		}
		if e.ResponseBody != exchange.BodyUndecodable && e.ResponseBytes < 8<<10 && !e.ResponseWalked {
			t.Errorf("%s response of %d bytes was not walked to its end", e.ResponseBody, e.ResponseBytes)
		}
	}, File(evalData(t, "akto-tests/juiceshop.har.gz")))
	if format != "har" || res.Exchanges != 48 || res.Damaged != 0 || statuses[200] < 20 || kinds["json"] < 15 {
		t.Errorf("%s %+v %v %v", format, res, statuses, kinds)
	}
}

func TestHAR(t *testing.T) {
	t.Parallel()
	entry := func(more string) string {
		return `{"startedDateTime":"2026-01-02T03:04:05Z","request":{"method":"GET","url":"https://h/a"` + more + `}}`
	}
	good := `{"log":{"version":"1.2","creator":{"name":"x"},"pages":[{"id":"p","pageTimings":{}}],"entries":[` + entry("") + `,` + entry("") + `],"comment":"c"}}`
	auth := `,"headers":[{"name":"Authorization","value":"Bearer x"}]`
	plain := `,"headers":[{"name":"Accept","value":"*/*"}]`
	for _, c := range []struct {
		name, text         string
		exchanges, skipped int64
		damage             string
		credentials        string // whether each exchange could have shown one
	}{
		{"document", good, 2, 0, "", "00"},
		{"pretty", strings.ReplaceAll(good, ",", ",\n\t "), 2, 0, "", "00"},
		{"two documents in a row", good + "\n" + good, 4, 0, "", "0000"},
		{"no entries", `{"log":{"entries":[]}}`, 0, 0, "", ""},
		{"damaged entry", `{"log":{"entries":[` + entry("") + `,{"x":1},` + entry("") + `]}}`, 2, 0, "in:2: " + record.CauseEntry.String(), "00"},
		{"data URL", `{"log":{"entries":[` + strings.Replace(entry(""), "https://h/a", "data:,x", 1) + `]}}`, 0, 1, "", ""},
		{"cut short in an entry", good[:len(good)-60], 1, 0, "in:2: " + record.CauseDocument.String(), "0"},
		{"cut short behind the entries", good[:len(good)-1], 2, 0, "in:3: " + record.CauseDocument.String(), "00"},
		{"broken JSON", `{"log":{"entries":[` + entry("") + `,{"x":}]}}`, 1, 0, "in:2: " + record.CauseDocument.String(), "0"},
		{"no list of entries", `{"log":{"entries":{}}}`, 0, 0, "in:1: " + record.CauseDocument.String(), ""},
		{"log without entries", `{"log":{"version":"1.2"}}`, 0, 0, "in:1: " + record.CauseDocument.String(), ""},
		{"credentials", `{"log":{"creator":{"name":"Firefox"},"entries":[` + entry(plain) + `]}}`, 1, 0, "", "1"},
		{"credentials left out by the recorder", `{"log":{"creator":{"name":"WebInspector"},"entries":[` + entry(plain) + `,` + entry(plain) + `]}}`, 2, 0, "", "00"},
		{"credentials not left out", `{"log":{"creator":{"name":"WebInspector"},"entries":[` + entry(plain) + `,` + entry(auth) + `,` + entry(plain) + `]}}`, 3, 0, "", "011"},
		{"entry that is too long", `{"log":{"entries":[` + entry("") + `,` + entry(`,"_x":"`+strings.Repeat("x", maxEntry)+`"`) + `]}}`, 1, 0, "in:2: " + record.CauseDocument.String(), "0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var damage, credentials []string
			res := run(t, Options{Format: "har", Damaged: func(d Damage) { damage = append(damage, d.String()) }}, func(e *event.Event) {
				credentials = append(credentials, map[bool]string{true: "1", false: "0"}[e.Observed.Has(exchange.SawCredentials)])
			}, Stream("in", strings.NewReader(c.text)))
			if res.Exchanges != c.exchanges || res.Skipped != c.skipped || strings.Join(damage, "\n") != c.damage || strings.Join(credentials, "") != c.credentials {
				t.Errorf("%+v %v %v", res, damage, credentials)
			}
		})
	}
}

func FuzzHAR(f *testing.F) {
	f.Add([]byte(`{"log":{"creator":{"name":"WebInspector"},"entries":[{"startedDateTime":"2026-01-02T03:04:05Z","request":{"method":"GET","url":"https://h/a"}},{}]}}{"log":{}}`))
	f.Add([]byte(`{"log":[]}`))
	f.Add([]byte(`{"x":1,"log":{"entries":[1,"a",[{}]],"y":{}}} `))
	f.Fuzz(func(t *testing.T, b []byte) {
		sniffHAR(b)
		d := newEntryDecoder(4 << 10)
		h := newHAREntries(newSource(strings.NewReader(string(b))), d.d)
		for n := 0; ; n++ {
			record, line, err := h.next()
			if err != nil {
				var cause Cause
				if !errors.Is(err, io.EOF) && (!errors.As(err, &cause) || !cause.Ends()) {
					t.Fatalf("%v does not end the document", err)
				}
				return
			}
			if line != n+1 || n > len(b) {
				t.Fatalf("entry %d is numbered %d", n+1, line)
			}
			var x exchange.Exchange
			sane(t, d.decode(record, &x), &x)
		}
	})
}
