package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"merlon/internal/control/admin/replay"
	"merlon/internal/edge/ingest/entry"
	"merlon/internal/enforce/engine"
	"merlon/internal/inspect/identify"
	"merlon/internal/model/event"
	"merlon/internal/model/finding"
	"merlon/internal/store"
	"merlon/internal/store/sqlite"
)

// eventFlags say which stored event is judged again.
type eventFlags struct{ id, server string }

// pastEvent is an event as it was stored: its exchange line and what the line says of it.
type pastEvent struct {
	line    []byte
	record  replay.Record
	verdict struct {
		Site, Endpoint, Action, Would, Rule string
		Findings                            []finding.Finding
	}
	gaps []replay.Undecided
}

// recall reads a stored event from a data directory or a running server.
func (f *eventFlags) recall(ctx context.Context, dir string) (r pastEvent, err error) {
	if _, err := event.ParseID(f.id); err != nil {
		return r, usage("--event %q: %v", f.id, err)
	}
	switch {
	case f.server != "" && dir != "":
		return r, usage("--event takes --data or --server, not both")
	case f.server != "":
		r.line, err = fetchExchange(ctx, f.server, f.id)
	case dir != "":
		r.line, err = storedExchange(ctx, dir, f.id)
	default:
		return r, usage("--event needs --data DIR, or --server URL of a running Merlon")
	}
	if err != nil {
		return r, err
	}
	var parts struct {
		Event replay.Record `json:"_event"`
	}
	if err := json.Unmarshal(r.line, &parts); err != nil {
		return r, failed(fmt.Errorf("event %s: %w", f.id, err))
	}
	r.record = parts.Event
	if err := json.Unmarshal(r.record.Verdict, &r.verdict); err != nil {
		return r, failed(fmt.Errorf("event %s: %w", f.id, err))
	}
	r.gaps = r.record.Gaps
	return r, nil
}

// storedExchange reads an event beside the process that may hold the directory.
func storedExchange(ctx context.Context, dir, id string) ([]byte, error) {
	path := filepath.Join(dir, "merlon.db")
	if _, err := os.Stat(path); err != nil {
		return nil, usage("%s holds no data of Merlon", dir)
	}
	db, err := sqlite.OpenReader(ctx, path, sqlite.Options{Now: time.Now})
	if err != nil {
		return nil, failed(err)
	}
	defer db.Close()
	row, err := db.Event(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, usage("%s has no event %s: it may have been trimmed", dir, id)
	}
	if err != nil {
		return nil, failed(err)
	}
	line, err := replay.LineOf(&row)
	if err != nil {
		return nil, failed(err)
	}
	return line, nil
}

// fetchExchange reads an event from a running server.
func fetchExchange(ctx context.Context, server, id string) ([]byte, error) {
	r, err := askURL(server, os.Getenv("MERLON_TOKEN"))
	if err != nil {
		return nil, err
	}
	var line json.RawMessage
	err = r.call(ctx, http.MethodGet, "/v1/events/"+url.PathEscape(id)+"/exchange", "", nil, &line)
	return line, err
}

// judge runs the event through the engine once more. Its event takes the id of then.
func (r *pastEvent) judge(eng *engine.Engine) error {
	at, err := time.Parse(time.RFC3339Nano, r.started())
	if err != nil {
		return failed(err)
	}
	t := eng.Begin(at.UnixNano())
	x := &t.Exchange
	if cause := entry.New(128<<10).Decode(r.line, x); cause != 0 {
		return failed(fmt.Errorf("event %s cannot be rebuilt: %v", r.record.ID, cause))
	}
	r.record.Restore(x)
	who := identify.Who{}
	who.Credentials, who.Principal, who.Session, who.Actor = r.record.Who.Identity()
	known := engine.Recall{Who: who}
	for _, f := range r.verdict.Findings {
		stage, _, _ := strings.Cut(f.ID, ".")
		if f.Stage, _ = finding.ParseStage(stage); !replay.Again(f.ID) {
			known.Findings = append(known.Findings, f)
		}
	}
	t.Recall(&known)
	t.Request()
	if r.record.Own == 0 {
		t.Response()
	}
	t.Close(event.Outcome(r.record.Outcome), r.record.Own)
	return nil
}

func (r *pastEvent) started() string {
	var e struct {
		Started string `json:"startedDateTime"`
	}
	_ = json.Unmarshal(r.line, &e) // it was read before
	return e.Started
}

// report prints the verdict line with what is undecided, and says whether it is the one of then.
func (r *pastEvent) report(c console, e *event.Event) error {
	id, err := event.ParseID(r.record.ID)
	if err != nil {
		return failed(err)
	}
	e.ID = id
	line := event.AppendLine(nil, e, 0)
	var stages []string
	for _, g := range r.gaps {
		stages = append(stages, g.Stage)
	}
	if len(stages) > 0 {
		list, err := json.Marshal(stages)
		if err != nil {
			return failed(err)
		}
		line = append(append(append(line[:len(line)-1], `,"undecided":`...), list...), '}')
	}
	if _, err := fmt.Fprintf(c.out, "%s\n", line); err != nil {
		return failed(err)
	}
	for _, g := range r.gaps {
		fmt.Fprintf(c.err, "undecided: %s: %s; its findings are taken over from the record\n", g.Stage, g.Why)
	}
	was, is := describe(r.verdict.Action, r.verdict.Would, r.verdict.Rule), describe(e.Verdict.Action, e.Verdict.Would, e.Verdict.Rule)
	if was == is && r.sameFindings(e) {
		fmt.Fprintf(c.err, "same verdict: %s\n", is)
	} else {
		fmt.Fprintf(c.err, "another verdict: then %s, now %s\n", was, is)
	}
	return nil
}

func describe(action, would, rule string) string {
	text := action
	if text == "" {
		text = "allow"
	}
	if would != "" && would != action {
		text += ", would " + would
	}
	if rule != "" {
		text += ", by " + rule
	}
	return text
}

// sameFindings compares the ids, in whatever order.
func (r *pastEvent) sameFindings(e *event.Event) bool {
	var was, is []string
	for i := range r.verdict.Findings {
		was = append(was, r.verdict.Findings[i].ID)
	}
	for i := range e.Findings {
		is = append(is, e.Findings[i].ID)
	}
	slices.Sort(was)
	slices.Sort(is)
	return slices.Equal(was, is)
}
