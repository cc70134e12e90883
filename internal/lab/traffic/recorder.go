package traffic

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// inProcess makes the request that a server would have made of an entry.
// base carries the context.
func inProcess(base *http.Request, e *Entry) (*http.Request, error) {
	host, target, _ := strings.Cut(e.Request.URL[len("https://"):], "/")
	u, err := url.ParseRequestURI("/" + target)
	if err != nil {
		return nil, err
	}
	r := new(http.Request)
	*r = *base
	r.Method, r.URL, r.RequestURI, r.Host = e.Request.Method, u, u.RequestURI(), host
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.1", 1, 1
	r.Header, r.Body, r.ContentLength = make(http.Header, len(e.Request.Headers)), http.NoBody, int64(len(e.Request.Body))
	r.RemoteAddr = net.JoinHostPort(e.Client.IP, strconv.Itoa(e.Client.Port))
	if e.Request.Body != "" {
		r.Body = io.NopCloser(strings.NewReader(e.Request.Body))
	}
	values := make([]string, len(e.Request.Headers)) // one array for all; software sends each field once
	for i, f := range e.Request.Headers {
		if name := http.CanonicalHeaderKey(f.Name); name != "Host" {
			values[i] = f.Value
			r.Header[name] = values[i : i+1 : i+1]
		}
	}
	return r, nil
}

// recorder is the response's other end in process. Hijack gives a connection at which the client has nothing more to say.
type recorder struct {
	status int
	header http.Header
	body   bytes.Buffer
	conn   *deafConn
}

func (w *recorder) reset() {
	w.status, w.conn = 0, nil
	if w.header == nil {
		w.header = http.Header{}
	}
	clear(w.header)
	w.body.Reset()
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *recorder) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}

func (w *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.conn = &deafConn{}
	return w.conn, bufio.NewReadWriter(bufio.NewReader(w.conn), bufio.NewWriter(w.conn)), nil
}

// response tells what was answered; fields in sorted order, as net/http writes them, with the Date a server adds.
func (w *recorder) response(version string, now time.Time) Response {
	if w.conn != nil {
		return w.conn.response()
	}
	r := Response{Status: w.status, Version: version, Body: w.body.String()}
	if r.Status == 0 {
		r.Status = http.StatusOK
	}
	if len(w.header["Date"]) == 0 {
		w.header["Date"] = []string{now.UTC().Format(http.TimeFormat)}
	}
	if len(w.header["Content-Length"]) == 0 && r.Status != http.StatusNoContent && r.Status != http.StatusNotModified {
		w.header["Content-Length"] = []string{strconv.Itoa(len(r.Body))}
	}
	r.Headers = make([]Header, 0, len(w.header)+1)
	for name, values := range w.header {
		if version == "HTTP/2.0" {
			name = strings.ToLower(name)
		}
		for _, v := range values {
			r.Headers = append(r.Headers, Header{Name: name, Value: v})
		}
	}
	slices.SortStableFunc(r.Headers, func(a, b Header) int { return strings.Compare(a.Name, b.Name) })
	return r
}

// deafConn takes what is written and has nothing to read.
type deafConn struct {
	net.Conn // nil: nothing else is called
	out      bytes.Buffer
}

func (c *deafConn) Read([]byte) (int, error)    { return 0, io.EOF }
func (c *deafConn) Write(b []byte) (int, error) { return c.out.Write(b) }
func (c *deafConn) Close() error                { return nil }

// response reads the head that a handler wrote by hand.
func (c *deafConn) response() Response {
	r := Response{Status: http.StatusBadGateway, Version: "HTTP/1.1"}
	head, _, _ := strings.Cut(c.out.String(), "\r\n\r\n")
	for i, line := range strings.Split(head, "\r\n") {
		if i == 0 && len(line) >= 12 {
			r.Status, _ = strconv.Atoi(line[9:12]) // 0 when it is no number, and then the entry says so
			continue
		}
		if name, value, ok := strings.Cut(line, ":"); ok {
			r.Headers = append(r.Headers, Header{Name: name, Value: strings.TrimSpace(value)})
		}
	}
	return r
}

// cookiePair is the name=value part of a Set-Cookie field.
func cookiePair(field string) string {
	pair, _, _ := strings.Cut(field, ";")
	return pair
}
