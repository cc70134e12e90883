package mirror

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"merlon/internal/enforce/engine"
	"merlon/internal/model/bundle"
	"merlon/internal/model/dataclass"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

func newHandler(t *testing.T) (*Handler, *event.Queue) {
	t.Helper()
	q := event.NewQueue(1024)
	eng, wrong := engine.New(engine.Options{Queue: q, Namer: event.NewNamer(1, 1), Node: "n"}, engine.Input{
		Bundle: &bundle.Bundle{Version: 1, Sites: []bundle.Site{{Name: "shop", Default: true}}}, Keys: map[string]dataclass.Key{"shop": {1}},
	})
	if eng == nil {
		t.Fatal(wrong)
	}
	return New(Options{Engine: eng, Inspect: 1 << 10, Now: time.Now, Log: slog.New(slog.DiscardHandler)}), q
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("the sender went away") }

func TestMirror(t *testing.T) {
	for _, c := range []struct {
		name, method, uri, ip, peer string
		body                        io.Reader
		status                      int
		event                       bool
		size                        int64
		walked, damaged             bool
	}{
		{"no body", "GET", "/orders/7?full=1", "198.51.100.7", "127.0.0.1:9", nil, 204, true, 0, false, false},
		{"body", "POST", "/orders", "198.51.100.7", "127.0.0.1:9", strings.NewReader(`{"qty":2}`), 204, true, 9, true, false},
		{"large body", "POST", "/orders", "198.51.100.7", "127.0.0.1:9", strings.NewReader(`["` + strings.Repeat("a", 1<<18) + `"]`), 204, true, 1<<18 + 4, false, false},
		{"broken body", "POST", "/orders", "198.51.100.7", "127.0.0.1:9", io.MultiReader(strings.NewReader(`{"qty"`), broken{}), 204, true, 6, false, true},
		{"client unknown", "GET", "/orders/7", "", "127.0.0.1:9", nil, 204, true, 0, false, false},
		{"a target nobody may send", "GET", "/a b", "", "127.0.0.1:9", nil, 204, true, 0, false, true},
		{"not told", "GET", "", "198.51.100.7", "127.0.0.1:9", nil, 204, false, 0, false, false},
		{"stranger", "GET", "/orders/7", "198.51.100.7", "192.0.2.9:9", nil, 403, false, 0, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, queue := newHandler(t)
			q := httptest.NewRequest(c.method, "/_mirror", c.body)
			q.RemoteAddr = c.peer
			q.Header.Set("Content-Type", "application/json")
			if c.uri != "" {
				q.Header.Set("X-Original-URI", c.uri)
			}
			if c.ip != "" {
				q.Header.Set("X-Real-IP", c.ip)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, q)
			if w.Code != c.status {
				t.Errorf("answered %d", w.Code)
			}
			if queue.Len() == 0 {
				if c.event {
					t.Error("no event")
				}
				return
			}
			e := queue.Take(context.Background())[0]
			if !c.event {
				t.Fatal("there is an event")
			}
			if e.Text(e.Method) != c.method || e.Source != exchange.SourceMirror || e.Outcome != event.OutcomeNotForwarded || e.Succeeded() {
				t.Errorf("%s, source %s, outcome %d", e.Text(e.Method), e.Source, e.Outcome)
			}
			if e.RequestBytes != c.size || e.RequestWalked && !c.walked && c.size > 0 || (len(e.Findings) > 0) != c.damaged {
				t.Errorf("%d bytes, walked %t, findings %v", e.RequestBytes, e.RequestWalked, e.Findings)
			}
			if e.Client.IsValid() != (c.ip != "") || e.Observed.Has(exchange.SawClient) != (c.ip != "") || e.Observed.Has(exchange.SawStatus) {
				t.Errorf("client %s, observed %b", e.Client, e.Observed)
			}
		})
	}
}

// TestAnsweredBeforeItIsJudged: whoever sent the copy has its answer though the engine has not been asked.
func TestAnsweredBeforeItIsJudged(t *testing.T) {
	h, queue := newHandler(t)
	q := httptest.NewRequest("GET", "/_mirror", nil)
	q.RemoteAddr = "127.0.0.1:9"
	q.Header.Set("X-Original-URI", "/orders/7")
	w := &watcher{ResponseRecorder: httptest.NewRecorder(), queue: queue}
	h.ServeHTTP(w, q)
	if !w.flushed || w.before != 0 || queue.Len() != 1 {
		t.Errorf("flushed %t with %d events, then %d", w.flushed, w.before, queue.Len())
	}
}

type watcher struct {
	*httptest.ResponseRecorder
	queue   *event.Queue
	flushed bool
	before  int
}

func (w *watcher) Flush() {
	w.flushed, w.before = true, w.queue.Len()
	w.ResponseRecorder.Flush()
}
