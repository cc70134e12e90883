package conformance

import (
	"fmt"
	"strings"
	"testing"

	"merlon/internal/model/event"
)

// variants are generated: every spelling of a length or a coding, in every place, with every body that makes use of it.
// Nobody says what must become of each; the accounts have to agree, and the marker must not be believed.
func variants() (out []shape) {
	add := func(wire, format string, args ...any) {
		out = append(out, shape{name: fmt.Sprintf(format, args...), wire: wire})
	}
	bodies := []struct{ name, length, text string }{
		{"empty chunks and a marker", "49", "0\r\n\r\n" + marker},
		{"a marker in a chunk", "4", "2c\r\n" + marker + "\r\n0\r\n\r\n"},
	}
	for _, te := range spellings("Transfer-Encoding", "chunked") {
		for _, b := range bodies {
			length := "Content-Length: " + b.length + "\r\n"
			add(post(te+"\r\n", b.text)+next, "%q, %s", te, b.name)
			add(post(te+"\r\n"+length, b.text)+next, "%q before a length, %s", te, b.name)
			add(post(length+te+"\r\n", b.text)+next, "%q behind a length, %s", te, b.name)
			add(post("Transfer-Encoding: chunked\r\n"+te+"\r\n", b.text)+next, "%q behind another, %s", te, b.name)
			add(strings.Replace(post("Connection: keep-alive\r\n"+te+"\r\n"+length, b.text)+next, "HTTP/1.1", "HTTP/1.0", 1), "%q in HTTP/1.0, %s", te, b.name)
		}
	}
	for _, cl := range spellings("Content-Length", "44") {
		add(post(cl+"\r\n", marker)+next, "%q", cl)
		add(post("Content-Length: 0\r\n"+cl+"\r\n", marker)+next, "%q behind 0", cl)
		add(post(cl+"\r\nContent-Length: 0\r\n", marker)+next, "%q before 0", cl)
		add(get(cl+"\r\n")+marker+next, "%q of a get", cl)
		add(post("Expect: 100-continue\r\n"+cl+"\r\n", marker)+next, "%q with expect", cl)
	}
	for _, h := range spellings("Host", "evil.example") {
		add("GET /first HTTP/1.1\r\n"+h+"\r\n\r\n"+next, "%q", h)
		add(get(h+"\r\n")+next, "%q behind another", h)
		add("GET http://a.example/first HTTP/1.1\r\n"+h+"\r\n\r\n"+next, "%q with the absolute form", h)
	}
	for _, size := range sizes() {
		add(post("Transfer-Encoding: chunked\r\n", size+"\r\n"+marker+"\r\n0\r\n\r\n")+next, "chunk size %q", size)
		add(post("Transfer-Encoding: chunked\r\n", "2c\r\n"+marker+"\r\n"+strings.Replace(strings.Replace(size, "2c", "0", 1), "2C", "0", 1)+"\r\n\r\n")+next, "last chunk size like %q", size)
	}
	for _, end := range []string{"\r\n", "\n", "\r", "\r\r\n", "\n\r", "\r\n ", "\x00\r\n", "\x85", "\xe2\x80\xa8", "\x0b", "\x0c", ""} {
		add("POST /first HTTP/1.1"+end+host+"Content-Length: 44\r\n\r\n"+marker+next, "%q ends the request line", end)
		add("POST /first HTTP/1.1\r\nHost: a.example"+end+"Content-Length: 44\r\n\r\n"+marker+next, "%q ends a field", end)
		add(post("Content-Length: 44"+end, marker)+next, "%q ends the last field", end)
		add("POST /first HTTP/1.1\r\n"+host+"Content-Length: 44\r\n"+end+marker+next, "%q ends the head", end)
		add(post("Transfer-Encoding: chunked\r\n", "2c"+end+marker+"\r\n0\r\n\r\n")+next, "%q ends a chunk's size", end)
		add(post("Transfer-Encoding: chunked\r\n", "2c\r\n"+marker+end+"0\r\n\r\n")+next, "%q ends a chunk", end)
		add(post("Transfer-Encoding: chunked\r\n", "2c\r\n"+marker+"\r\n0"+end+"\r\n")+next, "%q ends the last chunk's size", end)
		add(post("Transfer-Encoding: chunked\r\n", "2c\r\n"+marker+"\r\n0\r\n"+end)+next, "%q ends the trailers", end)
		add(post("Transfer-Encoding: chunked\r\n", "0\r\nX: y"+end+"\r\n"+marker)+next, "%q ends a trailer", end)
	}
	for _, target := range []string{
		"/first?a=b&a=c", "/a%2fb", "/a%2Fb%5cc", "/a/../b", "/a/./b", "/a/%2e%2e/b", "/a\\b", "/a;x=y/b", "/a%00b", "/%", "/%zz", "/%u0041", "/a//b", "//evil.example/a",
		"/a?b?c", "/a?b/../c", "/\xc3\xa4", "/a%0d%0aHost:%20evil.example", "/a%20b", "/a+b", "/a:80/b", "/@evil.example", "/a\"b", "/<a>", "/{a}", "/a^b", "/a`b",
		"http:///first", "http://a.example:80/first", "HTTP://A.EXAMPLE/first", "https://a.example/first", "http://a.example?b=c", "http://a.example#b", "http:/first", "http:first", "//", "?a", "", "/" + strings.Repeat("a", 4000), "/" + strings.Repeat("a/", 500),
	} {
		add("GET "+target+" HTTP/1.1\r\n"+host+"\r\n"+next, "target %.40q", target)
		add("POST "+target+" HTTP/1.1\r\n"+host+"Content-Length: 44\r\n\r\n"+marker+next, "target %.40q with a body", target)
	}
	for _, options := range []string{"close", "close, close", "CLOSE", "keep-alive, close", "close, keep-alive", "Close\t", ",,close", "\"close\"", "clos", "close;x=y", "content-length, close", "transfer-encoding, keep-alive", "host", "cookie, x-forwarded-for", "upgrade", "expect", "te, trailer"} {
		add(get("Connection: "+options+"\r\n")+next, "connection: %s", options)
		add(post("Connection: "+options+"\r\nContent-Length: 44\r\n", marker)+next, "connection: %s, with a body", options)
		add(post("Connection: "+options+"\r\nTransfer-Encoding: chunked\r\n", "2c\r\n"+marker+"\r\n0\r\n\r\n")+next, "connection: %s, with chunks", options)
	}
	return out
}

// spellings are ways to write a field line that some parser somewhere takes for name: value.
func spellings(name, value string) []string {
	out := []string{
		name + ":" + value, name + ":  " + value, name + ":\t" + value, name + ": " + value + " ", name + ": " + value + "\t", name + ":\t " + value + " \t",
		strings.ToUpper(name) + ": " + value, strings.ToLower(name) + ": " + value, name + ": " + strings.ToUpper(value), name + ": " + strings.ToTitle(value[:1]) + value[1:],
		name + " : " + value, name + "\t: " + value, " " + name + ": " + value, "\t" + name + ": " + value, "X: y\r\n " + name + ": " + value, name + ":\r\n " + value, name + ":\r\n\t" + value, name + ": \r\n" + value,
		name + "\r\n: " + value, name + "\r\n : " + value, "X: y\n" + name + ": " + value, "X: y\r" + name + ": " + value, name + ": " + value + "\n", name + ":\n" + value,
		strings.ReplaceAll(name, "-", "_") + ": " + value, strings.ReplaceAll(name, "-", "--") + ": " + value, strings.ReplaceAll(name, "-", "\xe2\x80\x90") + ": " + value,
		name + "\x00: " + value, "\x00" + name + ": " + value, name + ":\x00" + value, name + ": " + value + "\x00", name + ": \x0b" + value, name + ": \x0c" + value, name + ": " + value + "\x0b", name + ": \x1f" + value, name + ": \x7f" + value,
		name + ": \xa0" + value, name + ": " + value + "\x85", "\xef\xbb\xbf" + name + ": " + value, name + ":: " + value, ":" + name + ": " + value, name + "; " + value, name + "= " + value, name + " " + value, "(x)" + name + ": " + value,
		name + ": \"" + value + "\"", name + ": '" + value + "'", name + ": " + value + ";x=y", name + ": " + value + ";", name + ": " + value + " (x)", name + ": x " + value, name + ": " + value + " x", name + ": " + value + "," + value, name + ": ," + value, name + ": " + value + ",", name + ": x, " + value, name + ": " + value + ", x",
		name + ": +" + value, name + ": -" + value, name + ": 0" + value, name + ": 0x" + value, name + ": " + value + ".0", name + ": " + value + "e0", name + ": " + value[:1] + " " + value[1:], name + ": " + value[:1] + "_" + value[1:],
		name + ": " + value + "\r\n" + name + ": " + value, name + ": " + value + "\r\n" + name + ": x", name + ": x\r\n" + name + ": " + value, name + ":\r\n" + name + ": " + value, "X-" + name + ": " + value, name + "X: " + value, "[" + name + "]: " + value, name + "\\: " + value,
	}
	return out
}

// sizes are ways to write that a chunk has 44 bytes.
func sizes() []string {
	return []string{
		"2c", "2C", "02c", strings.Repeat("0", 14) + "2c", strings.Repeat("0", 30) + "2c", "0x2c", "0X2c", "+2c", "-2c", " 2c", "\t2c", "2c ", "2c\t", "2c  ", "2_c", "2 c", "2c\x00", "\x002c", "2c\x0b", "\r2c", "\n2c", "2c\r", "\"2c\"",
		"2c;", "2c;a", "2c;a=b", "2c; a=b", "2c ;a=b", "2c\t;a=b", "2c;a=\"b\"", "2c;a=\"b;c\"", "2c;a=\"\\\"\"", "2c;a=\"b", "2c;a=b;c=d", "2c;\x00", "2c;\x7f", "2c;a\rb", "2c;a\nb", "2c;a\r\n", "2c;" + strings.Repeat("a", 100), "2c;" + strings.Repeat("a", 5000), "2c,", "2c:", "2c a", "2cg",
		"10000002c", "1000000000000002c", "ffffffffffffffff2c", "8000000000000000", "ffffffffffffffff", "7fffffffffffffff", "44", "2c.0", "2ch", "\xef\xbc\x92c", "",
	}
}

// TestVariants sends what is generated to every server.
func TestVariants(t *testing.T) {
	all := variants()
	everyUpstream(t, func(t *testing.T, r *rig) {
		passed, refused, byUpstream := 0, 0, 0
		for _, s := range all {
			a, err := r.play(s.wire)
			if err != nil {
				t.Errorf("%s: %v", s.name, err)
				continue
			}
			for _, d := range r.up.differences(a) {
				t.Errorf("%s: %s", s.name, d)
			}
			for _, e := range a.events {
				switch {
				case e.outcome == event.OutcomeRefused:
					refused++
				case e.outcome == event.OutcomeAnswered && e.status >= 400:
					byUpstream++
					t.Logf("%s: passed on, and the upstream answered %d", s.name, e.status)
				case e.outcome == event.OutcomeAnswered:
					passed++
				}
			}
		}
		t.Logf("%d variants: %d requests were passed on, %d refused by the proxy, %d by the upstream", len(all), passed, refused, byUpstream)
		if passed < len(all)/4 || refused < len(all)/4 {
			t.Errorf("of %d variants only %d were passed on and %d refused: this proves little", len(all), passed, refused)
		}
	})
}
