package conformance

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// poison is an answer that somebody else gets when connections to an upstream are not parted cleanly.
const poison = "HTTP/1.1 200 OK\r\nX-Id: poison\r\nContent-Length: 6\r\n\r\npoison"

// untilEnd begins an answer that ends with the connection.
const untilEnd = "HTTP/1.1 200 OK\r\n\r\n"

// answers are what a broken or hostile upstream may send, and keep the connection open behind it. Whatever its own client
// gets, nobody else may get any of it.
var answers = []struct{ name, wire string }{
	{"plain", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"},
	{"another answer behind", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + poison},
	{"two others behind", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + poison + poison},
	{"half another behind", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + poison[:20]},
	{"a line end behind", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok\r\n"},
	{"a body that is too long", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" + poison},
	{"chunks and another behind", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" + poison},
	{"an early last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + poison},
	{"both framings", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + poison},
	{"both framings the other way", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 90\r\n\r\n0\r\n\r\n" + poison},
	{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 80\r\n\r\nok" + poison},
	{"two equal lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok" + poison},
	{"a list of lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok" + poison},
	{"a positive length", "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok" + poison},
	{"a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok" + poison},
	{"a folded length", "HTTP/1.1 200 OK\r\nContent-Length:\r\n 2\r\n\r\nok" + poison},
	{"a length behind a space", "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok" + poison},
	{"an unknown coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\nContent-Length: 2\r\n\r\nok" + poison},
	{"chunked twice", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + poison},
	{"chunks in HTTP/1.0", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + poison},
	{"HTTP/1.0, kept alive", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok" + poison},
	{"HTTP/1.0, not kept alive", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok" + poison},
	{"closed, and open all the same", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok" + poison},
	{"204 with a body", "HTTP/1.1 204 No Content\r\n\r\n" + poison},
	{"204 with a length", "HTTP/1.1 204 No Content\r\nContent-Length: 79\r\n\r\n" + poison},
	{"204 with chunks", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + poison},
	{"304 with a body", "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\nok" + poison},
	{"205 with a body", "HTTP/1.1 205 Reset Content\r\nContent-Length: 2\r\n\r\nok" + poison},
	{"100 and an answer and another", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + poison},
	{"103 with a length", "HTTP/1.1 103 Early Hints\r\nContent-Length: 79\r\n\r\n" + poison},
	{"103 with chunks", "HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + poison},
	{"101 unasked", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + poison},
	{"bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok" + poison},
	{"a NUL", "HTTP/1.1 200 OK\r\nX: \x00\r\nContent-Length: 2\r\n\r\nok" + poison},
	{"a CR", "HTTP/1.1 200 OK\r\nX: y\rContent-Length: 0\r\nContent-Length: 2\r\n\r\nok" + poison},
	{"no status", "HTTP/1.1\r\nContent-Length: 2\r\n\r\nok" + poison},
	{"status 999", "HTTP/1.1 999 What\r\nContent-Length: 2\r\n\r\nok" + poison},
	{"status 1000", "HTTP/1.1 1000 What\r\nContent-Length: 2\r\n\r\nok" + poison},
	{"status 099", "HTTP/1.1 099 What\r\nContent-Length: 2\r\n\r\nok" + poison},
	{"no protocol", "ok\r\n" + poison},
	{"another answer as body until the end", untilEnd + poison},
	{"bad chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nok\r\n0\r\n\r\n" + poison},
	{"chunks with a trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nContent-Length: 79\r\n\r\n" + poison},
	{"an empty line before", "\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + poison},
	{"HTTP/2", "HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\nok" + poison},
}

// hostile answers /poison/N with answers[N] and keeps the connection, and anything else with its path.
func hostile(t *testing.T) *upstream {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serveHostile(c)
		}
	}()
	return &upstream{name: "hostile", address: l.Addr().String(), seen: make(chan seen)}
}

func serveHostile(c net.Conn) {
	defer c.Close()
	for br := bufio.NewReader(c); ; {
		q, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, q.Body); err != nil {
			return
		}
		wire := fmt.Sprintf("HTTP/1.1 200 OK\r\nX-Id: %s\r\nContent-Length: %d\r\n\r\n", q.URL.Path, len(q.URL.Path))
		if q.Method != "HEAD" {
			wire += q.URL.Path
		}
		if n, ok := strings.CutPrefix(q.URL.Path, "/poison/"); ok {
			i, err := strconv.Atoi(n)
			if err != nil || i >= len(answers) {
				return
			}
			wire = answers[i].wire
		}
		if _, err := io.WriteString(c, wire); err != nil || strings.HasPrefix(wire, untilEnd) {
			return
		}
	}
}

// TestAnswersAreNeverMixed: what an upstream sends beyond its answer is nobody's, on the client's connection and on those
// that the proxy keeps to the upstream.
func TestAnswersAreNeverMixed(t *testing.T) {
	r := newRig(t, hostile(t))
	for i, a := range answers {
		for _, method := range []string{"GET", "HEAD", "POST"} {
			name := a.name + ", to " + method
			length := ""
			if method == "POST" {
				length = "Content-Length: 0\r\n"
			}
			path := fmt.Sprintf("/ok/%d%s", i, method)
			behind := path + "/behind"
			raw, err := r.exchange(fmt.Sprintf("%s /poison/%d HTTP/1.1\r\n%s%s\r\nGET %s HTTP/1.1\r\n%s\r\n", method, i, host, length, behind, host))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if err := checkBehind(raw, method, behind); err != nil {
				t.Errorf("%s: %v: %q", name, err, raw)
			}
			// Several, since more than one connection is kept.
			for k := range 3 {
				other := fmt.Sprintf("%s/%d", path, k)
				raw, err := r.exchange("GET " + other + " HTTP/1.1\r\n" + host + "\r\n")
				if err == nil {
					err = isAnswerTo(bufio.NewReader(bytes.NewReader(raw)), other)
				}
				if err != nil {
					t.Errorf("%s: somebody else: %v: %q", name, err, raw)
				}
			}
		}
	}
}

// checkBehind reads the answer to the poisoned request, whatever it is, and then that to the request behind it, if the
// connection lived on.
func checkBehind(raw []byte, method, behind string) error {
	br := bufio.NewReader(bytes.NewReader(raw))
	for {
		if _, err := br.Peek(1); err != nil {
			return nil // cut off, as an answer without an end has to be
		}
		resp, err := http.ReadResponse(br, &http.Request{Method: method})
		if err != nil {
			return fmt.Errorf("the first answer: %w", err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			return nil // cut off in the middle
		}
		if resp.Header.Get("X-Id") == "poison" && !bytes.Contains(body, []byte("poison")) && method != "HEAD" {
			return fmt.Errorf("the first answer is made of two")
		}
		if resp.StatusCode >= 200 || resp.StatusCode == 101 {
			break
		}
	}
	if _, err := br.Peek(1); err != nil {
		return nil // closed behind it
	}
	return isAnswerTo(br, behind)
}

// isAnswerTo reads one answer, and the end.
func isAnswerTo(br *bufio.Reader, path string) error {
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != 200 || resp.Header.Get("X-Id") != path || string(body) != path {
		return fmt.Errorf("asked for %s, got %d, %q, %q", path, resp.StatusCode, resp.Header.Get("X-Id"), body)
	}
	if _, err := br.Peek(1); err == nil {
		return fmt.Errorf("there is more behind the answer to %s", path)
	}
	return nil
}
