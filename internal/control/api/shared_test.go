package api_test

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"merlon/internal/control/admin/admintest"
	"merlon/internal/model/account"
)

func with(header map[string]string, more ...string) map[string]string {
	out := map[string]string{}
	for k, v := range header {
		out[k] = v
	}
	for i := 0; i < len(more); i += 2 {
		out[more[i]] = more[i+1]
	}
	return out
}

func TestEntityTags(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 60)
	h := surface(t, w)
	token := bearer(w.Token(t, w.SignIn(t).Caller, account.Security))
	for _, path := range []string{"/v1/inventory", "/v1/inventory/3", "/v1/inventory/export", "/v1/openapi.json", "/v1/events"} {
		first := call{method: "GET", path: path, header: token}.do(t, h)
		tag := first.Header().Get("ETag")
		if first.Code != 200 || tag == "" || strings.HasPrefix(tag, "W/") {
			t.Fatalf("%s: %d %q", path, first.Code, tag)
		}
		for value, want := range map[string]int{tag: 304, `"other", W/` + tag: 304, "*": 304, `"other"`: 200} {
			out := call{method: "GET", path: path, header: with(token, "If-None-Match", value)}.do(t, h)
			if out.Code != want || (want == 304) != (out.Body.Len() == 0) || out.Header().Get("ETag") != tag {
				t.Errorf("%s with %s: %d, %d bytes", path, value, out.Code, out.Body.Len())
			}
		}
		head := call{method: "HEAD", path: path, header: token}.do(t, h)
		if head.Code != 200 || head.Body.Len() > 0 || head.Header().Get("ETag") != tag || head.Header().Get("Content-Length") != fmt.Sprint(first.Body.Len()) {
			t.Errorf("HEAD %s: %d, %d bytes, %v", path, head.Code, head.Body.Len(), head.Header())
		}
		packed := call{method: "GET", path: path, header: with(token, "Accept-Encoding", "br;q=1, gzip;q=0.5")}.do(t, h)
		if first.Body.Len() < 1400 {
			t.Fatalf("%s is too short to tell", path)
		}
		z, err := gzip.NewReader(packed.Body)
		if err != nil {
			t.Fatalf("%s: %v %v", path, err, packed.Header())
		}
		if got, _ := io.ReadAll(z); string(got) != first.Body.String() || packed.Header().Get("ETag") == tag || packed.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: packed is %d bytes, %v", path, len(got), packed.Header())
		}
		for _, refused := range []string{"gzip;q=0", "identity", "br"} {
			if out := (call{method: "GET", path: path, header: with(token, "Accept-Encoding", refused)}).do(t, h); out.Header().Get("Content-Encoding") != "" {
				t.Errorf("%s with %s is packed", path, refused)
			}
		}
	}
}

func TestIfMatch(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 20)
	h := surface(t, w)
	token := bearer(w.Token(t, w.SignIn(t).Caller, account.Developer))
	read := func() string {
		return call{method: "GET", path: "/v1/inventory/3", header: token}.do(t, h).Header().Get("ETag")
	}
	edit := func(tag, owner string) int {
		return call{method: "PATCH", path: "/v1/inventory/3", body: `{"owner":"` + owner + `"}`, header: with(token, "If-Match", tag)}.do(t, h).Code
	}
	before := read()
	if got := edit(before, "ana"); got != 200 {
		t.Fatal(got)
	}
	if got := edit(before, "bea"); got != 412 {
		t.Errorf("an edit over another's: %d", got)
	}
	after := read()
	if after == before {
		t.Error("an edit left the tag")
	}
	// What traffic adds is no reason to refuse an edit.
	estate := w.Estate()
	more := *estate
	more.Version++
	more.Sites = append(more.Sites[:0:0], more.Sites...)
	more.Sites[0].Endpoints = append(more.Sites[0].Endpoints[:0:0], more.Sites[0].Endpoints...)
	more.Sites[0].Endpoints[2].Requests += 5
	w.SetEstate(&more)
	if read() == after {
		t.Error("another representation has the same tag")
	}
	for tag, want := range map[string]int{after: 200, "W/" + after: 412, `"x"`: 412} {
		if got := edit(tag, "ana"); got != want {
			t.Errorf("%s: %d, want %d", tag, got, want)
		}
	}
	out := call{method: "PATCH", path: "/v1/inventory/3", body: `{"owner":"cy"}`, header: with(token, "If-Match", "*")}.do(t, h)
	if out.Code != 200 || edit(out.Header().Get("ETag"), "dan") != 200 {
		t.Errorf("the tag of an edit is not one to go on with: %v", out.Header())
	}
}

func TestRepeats(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 20)
	h := surface(t, w)
	boss := w.SignIn(t).Caller
	token, other := bearer(w.Token(t, boss, account.Admin)), bearer(w.Token(t, boss, account.Security))
	post := func(who map[string]string, key, path, body string) (int, string, http.Header) {
		out := call{method: "POST", path: path, body: body, header: with(who, "Idempotency-Key", key)}.do(t, h)
		return out.Code, out.Body.String(), out.Header()
	}
	const one, two = `{"kind":"address","value":"192.0.2.7"}`, `{"kind":"address","value":"192.0.2.8"}`
	code, first, _ := post(token, `"k-1"`, "/v1/standing", one)
	again, second, header := post(token, "k-1", "/v1/standing", one)
	if code != 201 || again != 201 || first != second || header.Get("Idempotency-Replayed") != "true" || header.Get("Content-Type") != "application/json" {
		t.Errorf("%d %s, then %d %s", code, first, again, second)
	}
	if n := len(w.Standing().Entries); n != 1 {
		t.Errorf("%d blocks", n)
	}
	if code, body, _ := post(token, "k-1", "/v1/standing", two); code != 422 || !strings.Contains(body, "urn:merlon:problem:reused") {
		t.Errorf("another body: %d %s", code, body)
	}
	if code, _, _ := post(token, "k-1", "/v1/views", `{"room":"inventory","name":"x","query":""}`); code != 422 {
		t.Errorf("another address: %d", code)
	}
	if code, _, h := post(other, "k-1", "/v1/standing", two); code != 201 || h.Get("Idempotency-Replayed") != "" {
		t.Errorf("another caller's key: %d", code)
	}
	// What failed may be sent again.
	if code, _, _ := post(token, "k-2", "/v1/standing", `{"kind":"planet","value":"mars"}`); code != 400 {
		t.Error(code)
	}
	if code, _, _ := post(token, "k-2", "/v1/standing", two); code != 201 {
		t.Errorf("after a mistake: %d", code)
	}
	// A secret is shown once.
	if code, _, _ := post(token, "k-3", "/v1/tokens", `{"name":"ci","role":"viewer"}`); code != 201 {
		t.Error(code)
	}
	if code, body, _ := post(token, "k-3", "/v1/tokens", `{"name":"ci","role":"viewer"}`); code != 409 || strings.Contains(body, "mrl_") {
		t.Errorf("a secret twice: %d %s", code, body)
	}
	for _, key := range []string{"a b", `""`, strings.Repeat("k", 256), "é"} {
		if code, _, _ := post(token, key, "/v1/standing", one); code != 400 {
			t.Errorf("key %q: %d", key, code)
		}
	}
	w.Wait(25 * time.Hour)
	if code, _, h := post(token, "k-1", "/v1/standing", two); code != 201 || h.Get("Idempotency-Replayed") != "" {
		t.Errorf("after a day: %d", code)
	}
}

func TestLimits(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 5)
	h := surface(t, w)
	boss := w.SignIn(t).Caller
	token, other := bearer(w.Token(t, boss, account.Viewer)), bearer(w.Token(t, boss, account.Developer))
	get := func(who map[string]string, path string) (int, http.Header, string) {
		out := call{method: "GET", path: path, header: who}.do(t, h)
		return out.Code, out.Header(), out.Body.String()
	}
	code, header, _ := get(token, "/v1/status")
	if code != 200 || header.Get("RateLimit-Policy") != `"default";q=600;w=30` || header.Get("RateLimit") != `"default";r=599;t=1` {
		t.Errorf("%d %v", code, header)
	}
	for range 59 {
		if code, _, _ = get(token, "/v1/inventory/export"); code != 200 {
			t.Fatal(code)
		}
	}
	code, header, body := get(token, "/v1/inventory/export")
	if code != 429 || header.Get("Retry-After") != "1" || header.Get("RateLimit") != `"default";r=9;t=30` || !json.Valid([]byte(body)) {
		t.Errorf("%d %v %s", code, header, body)
	}
	if code, _, _ = get(token, "/v1/status"); code != 200 {
		t.Errorf("what is cheap: %d", code)
	}
	if code, _, _ = get(other, "/v1/inventory/export"); code != 200 {
		t.Errorf("another caller: %d", code)
	}
	if code, header, _ = get(nil, "/healthz"); code != 200 || header.Get("RateLimit") != "" {
		t.Errorf("probes: %d %v", code, header)
	}
	w.Wait(time.Second)
	if code, _, _ = get(token, "/v1/inventory/export"); code != 200 {
		t.Errorf("after a second: %d", code)
	}
	// Guessing tokens is limited by address.
	for i := range 700 {
		if code, _, _ = get(bearer(fmt.Sprint("mrl_", i)), "/v1/status"); code == 429 {
			return
		}
	}
	t.Error("who is not signed in may ask for ever")
}

// TestListPages walks lists that are read whole.
func TestListPages(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 40)
	h := surface(t, w)
	token := bearer(w.Token(t, w.SignIn(t).Caller, account.Admin))
	for i := range 7 {
		for _, c := range []call{
			{method: "POST", path: "/v1/standing", body: fmt.Sprintf(`{"kind":"address","value":"192.0.2.%d"}`, i)},
			{method: "POST", path: "/v1/views", body: fmt.Sprintf(`{"room":"inventory","name":"v%d","query":""}`, i)},
			{method: "POST", path: "/v1/tokens", body: fmt.Sprintf(`{"name":"t%d","role":"viewer"}`, i)},
			{method: "POST", path: "/v1/inventory/edits", body: fmt.Sprintf(`{"ids":[%d],"change":{"owner":"x"},"expect":1}`, i+1)},
		} {
			if c.header = token; c.do(t, h).Code != 201 {
				t.Fatal(c)
			}
		}
	}
	for path, want := range map[string]int{
		"/v1/standing": 7, "/v1/views": 7, "/v1/tokens": 8, "/v1/inventory/edits": 7, "/v1/inventory/groups?by=owner": 2, "/v1/inventory/groups?by=segment": 6,
		"/v1/accounts": 1, "/v1/audit": -1, "/v1/events": 200, "/v1/inventory": 40,
	} {
		seen, cursor := map[string]bool{}, ""
		for range 120 {
			at := path + "?limit=3"
			if strings.Contains(path, "?") {
				at = path + "&limit=3"
			}
			if cursor != "" {
				at += "&cursor=" + cursor
			}
			out := call{method: "GET", path: at, header: token}.do(t, h)
			var p struct {
				Items []json.RawMessage
				Next  string `json:"next_cursor"`
			}
			if err := json.Unmarshal(out.Body.Bytes(), &p); err != nil || out.Code != 200 || p.Items == nil || len(p.Items) > 3 {
				t.Fatalf("%s: %d %s", at, out.Code, out.Body)
			}
			for _, i := range p.Items {
				if seen[string(i)] {
					t.Errorf("%s: twice %s", path, i)
				}
				seen[string(i)] = true
			}
			if cursor = p.Next; cursor == "" {
				break
			}
			w.Wait(time.Millisecond * 100)
		}
		if cursor != "" || len(seen) != want && want >= 0 || len(seen) < 4 && want < 0 {
			t.Errorf("%s: %d entries, want %d", path, len(seen), want)
		}
	}
	if out := (call{method: "GET", path: "/v1/views?cursor=gone", header: token}).do(t, h); out.Code != 400 {
		t.Errorf("a cursor that has gone: %d", out.Code)
	}
}
