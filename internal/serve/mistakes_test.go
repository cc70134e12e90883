package serve

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"merlon/internal/core"
	"merlon/internal/enforce/policy"
	"merlon/internal/model/bundle"
)

// TestLogMistakes: each mistake is a record of its own, with its place in fields.
func TestLogMistakes(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "merlon.yaml")
	rules := filepath.Join(dir, "policy.yaml")
	for file, text := range map[string]string{
		name:  "lisen: 1\nsites:\n  - {name: a, upstreams: [{url: \"http://127.0.0.1:1\"}], policy: policy.yaml, specs: [none.yaml]}\n",
		rules: "version: 1\nrules:\n  - {name: x, when: endpoint.lable == 1, action: block}\n  - {name: y}\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := Source{File: name}.Load()
	if err == nil {
		t.Fatal("loaded")
	}
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, nil))
	if !logMistakes(log, fmt.Errorf("wrapped: %w", err)) || logMistakes(log, errors.New("no mistake of people")) {
		t.Error("what are mistakes and what is not")
	}
	type record struct {
		File, Where, Mistake, Right string
		Line, Column                int
	}
	var got []record
	for dec := json.NewDecoder(&out); dec.More(); {
		var r record
		if err := dec.Decode(&r); err != nil {
			t.Fatal(err)
		}
		if r.Mistake == "" {
			t.Errorf("says nothing: %+v", r)
		}
		r.Mistake, r.Right = "", ""
		got = append(got, r)
	}
	want := []record{
		{File: name, Where: "lisen", Line: 1, Column: 1},
		{File: name, Where: "sites[0].specs[0]", Line: 3, Column: 86},
		{File: rules, Where: "rules[0].when", Line: 3, Column: 30},
		{File: rules, Where: "rules[1]", Line: 4, Column: 5},
		{File: rules, Where: "rules[1].action", Line: 4, Column: 5},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	out.Reset()
	logMistakes(log, core.MistakesError{{Source: "console:7", Position: bundle.Position{Line: 2, Column: 3}, Key: "when", Message: "wrong", Hint: "right"}, policy.Mistake{Source: "x", Message: "y"}})
	if n := bytes.Count(out.Bytes(), []byte("\n")); n != 2 || !bytes.Contains(out.Bytes(), []byte(`"file":"console:7","line":2,"column":3,"where":"when","mistake":"wrong","right":"right"`)) {
		t.Errorf("%d records: %s", n, &out)
	}
}
