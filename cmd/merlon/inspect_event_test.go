package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"merlon/internal/store"
	"merlon/internal/store/eventlist"
	"merlon/internal/store/sqlite"
)

// TestInspectEvent: what was stored is judged again as it was, another policy judges otherwise, and what cannot be judged
// again is said.
func TestInspectEvent(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	policy := write("policy.yaml", "version: 1\nmodes: {default: watch}\nlists: [{name: bad, kind: address, values: [203.0.113.9], action: block}]\nrules: [{name: no deletes, when: 'request.method == \"DELETE\"', action: block}]\n")
	strict := write("strict.yaml", "version: 1\nmodes: {default: watch, payload.duplicate-key: enforce}\n")
	entry := func(method, ip, body string) string {
		post := ""
		if body != "" {
			text, _ := json.Marshal(body)
			post = `,"postData":{"mimeType":"application/json","text":` + string(text) + `}`
		}
		return `{"startedDateTime":"` + time.Now().UTC().Add(-time.Minute).Format(time.RFC3339) + `","time":12,"request":{"method":"` + method + `","url":"http://api.acme.example/patients/12","headers":[{"name":"User-Agent","value":"curl/8"},{"name":"Authorization","value":"Bearer abcdefghijklmnop"}]` + post +
			`},"response":{"status":200,"headers":[],"content":{"mimeType":"application/json","text":"{\"id\":12,\"name\":\"Ana\"}"}},"_client":{"ip":"` + ip + `"}}` + "\n"
	}
	input := write("in.ndjson", entry("GET", "198.51.100.1", "")+entry("GET", "203.0.113.9", "")+entry("DELETE", "198.51.100.1", "")+entry("POST", "198.51.100.1", `{"a":1,"a":"secret-value"}`))
	data := filepath.Join(dir, "data")
	var said bytes.Buffer
	c := console{in: strings.NewReader(""), out: &bytes.Buffer{}, err: &said}
	var f ingestFlags
	f.format, f.hops, f.Data, f.Policy = "auto", -1, data, policy
	if err := runIngest(t.Context(), c, f, false, []string{input}); err != nil {
		t.Fatal(err, said.String())
	}
	rows := stored(t, data)
	if len(rows) != 4 {
		t.Fatalf("%d events are stored", len(rows))
	}
	again := func(e store.Event, policy string) (line, notes string) {
		t.Helper()
		var out, err bytes.Buffer
		g := f
		g.Policy = policy
		if e := runInspect(t.Context(), console{in: strings.NewReader(""), out: &out, err: &err}, g, eventFlags{id: e.ID}, nil); e != nil {
			t.Fatal(e, err.String())
		}
		return out.String(), err.String()
	}
	for _, e := range rows {
		line, notes := again(e, policy)
		var v struct {
			ID, Action, Would, Rule, Endpoint string
			Undecided                         []string
		}
		if err := json.Unmarshal([]byte(line), &v); err != nil || v.ID != e.ID || v.Rule != e.Rule || v.Would != e.Would {
			t.Errorf("%s by %s: %s (%v)", e.Method, e.Rule, line, err)
		}
		if !strings.Contains(notes, "same verdict") || len(v.Undecided) != 1 || v.Undecided[0] != "payload" {
			t.Errorf("%s: %s", e.Method, notes)
		}
		if strings.Contains(line+notes, "secret-value") || strings.Contains(line+notes, "abcdefghijklmnop") {
			t.Error("a value is kept")
		}
	}
	if rows[1].Action != "block" || rows[2].Rule != "no deletes" || rows[3].FindingIDs[0] != "payload.duplicate-key" {
		t.Errorf("the events are not what they should be: %+v", rows)
	}
	if line, notes := again(rows[3], strict); !strings.Contains(notes, "another verdict: then allow, would block, by payload.duplicate-key, now block, by payload.duplicate-key") || !strings.Contains(line, `"action":"block"`) {
		t.Errorf("under another policy: %s%s", line, notes)
	}
	for name, flags := range map[string]eventFlags{"no id": {id: "x"}, "none of that id": {id: "01JFB2K7Q8X3M5N6P7R8S9T0V1"}, "both": {id: rows[0].ID, server: "http://127.0.0.1:1"}} {
		if err := runInspect(t.Context(), c, f, flags, nil); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// stored are the events of a data directory, in the order of their storing.
func stored(t *testing.T, dir string) []store.Event {
	t.Helper()
	db, err := sqlite.OpenReader(context.Background(), filepath.Join(dir, "merlon.db"), sqlite.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	p, err := eventlist.Page(context.Background(), db, store.EventFilter{})
	if err != nil {
		t.Fatal(err)
	}
	rows := p.Events
	for i, j := 0, len(rows)-1; i < j; i, j = i+1, j-1 {
		rows[i], rows[j] = rows[j], rows[i]
	}
	return rows
}
