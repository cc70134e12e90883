package traffic

import (
	"encoding/base64"
	"math"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"merlon/internal/lab/acme"
)

// session is one visit of one client: a sequence of calls and pauses. After its drive has stopped every call is empty and every pause
// returns at once, so that a flow simply runs to its end.
type session struct {
	drive drive
	r     *rand.Rand
	plain bool
	label Label
	host  string
	site  string
	soft  *software
	addr  netip.Addr
	port  int

	bearer, refresh, key, cookie string
	login                        acme.Login
	patient                      string // own id
	live                         any    // the drive's own: a connection
}

// drive carries out what sessions want.
type drive interface {
	exchange(s *session, c *call) reply
	wait(s *session, d time.Duration)
	stopped() bool
	now() time.Time
}

// reply is what a flow sees of a response.
type reply struct {
	status int
	body   string
	cookie string // first Set-Cookie pair
}

func (r reply) ok() bool { return r.status >= 200 && r.status < 300 }

// str returns the first string member of that name, at any depth; flows need no more of JSON.
func (r reply) str(name string) string {
	i := strings.Index(r.body, `"`+name+`":"`)
	if i < 0 {
		return ""
	}
	v := r.body[i+len(name)+4:]
	end := strings.IndexByte(v, '"')
	return v[:max(end, 0)]
}

// all returns every string or number member of that name.
func (r reply) all(name string) (vs []string) {
	mark := `"` + name + `":`
	for body := r.body; ; {
		i := strings.Index(body, mark)
		if i < 0 {
			return vs
		}
		body = body[i+len(mark):]
		v := strings.TrimPrefix(body, `"`)
		if end := strings.IndexAny(v, `",}`); end > 0 {
			vs = append(vs, v[:end])
		}
	}
}

func (s *session) do(c call) reply {
	if s.drive.stopped() {
		return reply{}
	}
	return s.drive.exchange(s, &c)
}

func (s *session) get(target string) reply { return s.do(call{method: "GET", target: target}) }

func (s *session) send(method, target, body string) reply {
	c := call{method: method, target: target, body: body}
	if body != "" {
		c.kind = "application/json"
	}
	return s.do(c)
}

// think pauses like a person: log-normal around the median, at most twenty times it.
func (s *session) think(median time.Duration) {
	f := min(math.Exp(0.7*s.r.NormFloat64()), 20)
	s.drive.wait(s, time.Duration(f*float64(median)))
}

// pause waits about d, as programs do.
func (s *session) pause(d time.Duration) {
	s.drive.wait(s, time.Duration((0.8+0.4*s.r.Float64())*float64(d)))
}

// chance is true with probability p.
func (s *session) chance(p float64) bool { return s.r.Float64() < p }

// move gives the session another address, and so another connection.
func (s *session) move(a netip.Addr) {
	s.addr, s.port = a, 1024+s.r.IntN(64000)
}

func (s *session) nonce() string {
	var b [16]byte
	for i := range b {
		b[i] = byte(s.r.Uint32())
	}
	return base64.StdEncoding.EncodeToString(b[:])
}

// client describes the connection as an edge that ends TLS would.
func (s *session) client() Client {
	c := Client{IP: s.addr.String(), Port: s.port}
	if !s.plain {
		c.JA4, c.H2 = s.soft.ja4, s.soft.h2
	}
	return c
}

// latency is how long the API takes in event time: password checks are slow on purpose, the rest is a few milliseconds and its tail.
func (s *session) latency(c *call, size int) time.Duration {
	base := 3.5
	switch {
	case strings.HasSuffix(c.target, "/login"):
		base = 75
	case c.method != "GET":
		base = 9
	}
	return time.Duration((base + float64(size)/8000) * math.Exp(0.45*s.r.NormFloat64()) * float64(time.Millisecond))
}

// popular draws an index below n by Zipf's law with exponent 1.1.
func popular(r *rand.Rand, n int) int {
	if n < 2 {
		return 0
	}
	return int(rand.NewZipf(r, 1.1, 4, uint64(n-1)).Uint64())
}
