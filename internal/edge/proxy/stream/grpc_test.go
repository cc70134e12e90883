package stream

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// message is a gRPC message of the given body.
func message(body string) string {
	n := len(body)
	return string([]byte{0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) + body
}

// talker answers as a gRPC server does: it echoes each message as it comes.
func talker(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Te") != "trailers" {
		http.Error(w, "te", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/grpc")
	w.Header().Set("Trailer", "Grpc-Status")
	w.WriteHeader(200)
	_ = http.NewResponseController(w).Flush()
	buf := make([]byte, 1024)
	for {
		n, err := r.Body.Read(buf)
		_, _ = w.Write(buf[:n])
		_ = http.NewResponseController(w).Flush()
		if err != nil {
			break
		}
	}
	code := r.Header.Get("X-Want")
	if code == "" {
		code = "0"
	}
	w.Header().Set("Grpc-Status", code)
	w.Header().Set(http.TrailerPrefix+"Grpc-Message", "as told")
}

func (r *rig) call(path string, body io.Reader) *http.Request {
	req := r.request("POST", path, body)
	req.Header.Set("Content-Type", "application/grpc+proto")
	req.Header.Set("Te", "trailers")
	return req
}

func TestUnaryCall(t *testing.T) {
	r := newRig(t, http.HandlerFunc(talker), func(o *setup) { o.scheme = "h2c" })
	for _, want := range []struct {
		name, code string
		status     uint16
	}{{"ok", "", 200}, {"not found", "5", 404}, {"unauthenticated", "16", 401}} {
		req := r.call("/pkg.Clinic/GetPatient", strings.NewReader(message("hello")))
		req.Header.Set("X-Want", want.code)
		res, body := r.do(req)
		if res.StatusCode != 200 || body != message("hello") || res.Trailer.Get("Grpc-Message") != "as told" {
			t.Errorf("%s: %s %q %v", want.name, res.Status, body, res.Trailer)
		}
	}
	events := r.wait(3)
	for i, want := range []struct {
		code   uint8
		status uint16
	}{{0, 200}, {5, 404}, {16, 401}} {
		e := events[i]
		if e.RPC != (exchange.RPC{Protocol: exchange.GRPC, Known: true, Status: want.code, Requests: 1, Responses: 1}) || e.Status != want.status ||
			e.Phase != event.Complete || e.RequestBytes != 10 || e.ResponseBytes != 10 {
			t.Errorf("event %d: %+v %d %v %d %d", i, e.RPC, e.Status, e.Phase, e.RequestBytes, e.ResponseBytes)
		}
	}
}

// TestTalk is full duplex: each side waits for the other before it goes on, and the client waits for the head before it says
// anything.
func TestTalk(t *testing.T) {
	r := newRig(t, http.HandlerFunc(talker), func(o *setup) { o.scheme = "h2c" })
	body, write := io.Pipe()
	res, err := r.client.Do(r.call("/pkg.Clinic/Talk", body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	for _, word := range []string{"one", "two", "three"} {
		if _, err := io.WriteString(write, message(word)); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(message(word)))
		if _, err := io.ReadFull(res.Body, got); err != nil || string(got) != message(word) {
			t.Fatalf("%q, %v", got, err)
		}
	}
	_ = write.Close()
	rest, err := io.ReadAll(res.Body)
	if err != nil || len(rest) != 0 || res.Trailer.Get("Grpc-Status") != "0" {
		t.Errorf("%q, %v, %v", rest, err, res.Trailer)
	}
	events := r.wait(2)
	if events[0].Phase != event.Open || events[1].Phase != event.Close || events[0].ID != events[1].ID {
		t.Errorf("phases %v, %v", events[0].Phase, events[1].Phase)
	}
	if c := events[1].RPC; c.Requests != 3 || c.Responses != 3 || !c.Known || c.Status != 0 {
		t.Errorf("%+v", c)
	}
}

func TestRefusedCall(t *testing.T) {
	r := newRig(t, http.HandlerFunc(talker), func(o *setup) {
		o.scheme = "h2c"
		o.policy = "version: 1\nrules:\n- name: no talk\n  when: request.path startsWith \"/pkg.Clinic/\"\n  action: block\n  mode: enforce\n"
	})
	res, body := r.do(r.call("/pkg.Clinic/GetPatient", strings.NewReader(message("hello"))))
	if res.StatusCode != 200 || body != "" || res.Header.Get("Grpc-Status") != "7" || res.Header.Get("Content-Type") != "application/grpc+proto" {
		t.Errorf("%s %q %v", res.Status, body, res.Header)
	}
	e := r.wait(1)[0]
	if e.Outcome != event.OutcomeRefused || e.RPC.Status != 7 || e.Status != 403 {
		t.Errorf("%v %+v %d", e.Outcome, e.RPC, e.Status)
	}
}

func TestCallWithoutUpstream(t *testing.T) {
	r := newRig(t, nil, nil)
	res, _ := r.do(r.call("/pkg.Clinic/GetPatient", strings.NewReader(message("hello"))))
	if res.StatusCode != 200 || res.Header.Get("Grpc-Status") != "14" {
		t.Errorf("%s %v", res.Status, res.Header)
	}
	res, body := r.do(r.request("GET", "/", nil))
	if res.StatusCode != 503 || !strings.Contains(body, `"status":503`) || res.Header.Get("Retry-After") == "" {
		t.Errorf("%s %q %v", res.Status, body, res.Header)
	}
}

func TestWebCall(t *testing.T) {
	answer := message("hi") + "\x80" + string([]byte{0, 0, 0, 16}) + "grpc-status: 7\r\n"
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc-web+proto")
		_, _ = io.WriteString(w, answer)
	}), nil)
	req := r.request("POST", "/pkg.Clinic/GetPatient", strings.NewReader(message("hello")))
	req.Header.Set("Content-Type", "application/grpc-web+proto")
	if _, body := r.do(req); !bytes.Equal([]byte(body), []byte(answer)) {
		t.Errorf("%q", body)
	}
	e := r.wait(1)[0]
	if e.RPC != (exchange.RPC{Protocol: exchange.GRPCWeb, Known: true, Status: 7, Requests: 1, Responses: 1}) || e.Status != 403 {
		t.Errorf("%+v %d", e.RPC, e.Status)
	}
}
