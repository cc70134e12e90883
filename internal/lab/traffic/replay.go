package traffic

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// moment is one exchange to come: a recorded call in a session, or noise.
type moment struct {
	at      time.Duration // since Start
	n       int32         // order among equals
	call    int32         // index, or scanned, or caught
	session int32
}

// Values of moment.call that are no index.
const (
	scanned = -1
	caught  = -2
)

// replay gives recorded sessions their times and clients and hands out the entries in order.
func replay(ctx context.Context, o *RecordedOptions, calls []recordedCall, sessions [][]int32, sink func(*Entry) error) error {
	r := rand.New(rand.NewPCG(o.Seed, 41))
	honest := len(calls) * o.Repeat
	scans := int(float64(honest) * o.ScannerShare / (1 - o.ScannerShare - o.CatchAllShare))
	catches := int(float64(honest) * o.CatchAllShare / (1 - o.ScannerShare - o.CatchAllShare))
	if honest+scans+catches > 16*maxRecordedCalls {
		return fmt.Errorf("%w: %d exchanges are too many; repeat less", ErrOptions, honest+scans+catches)
	}
	span := time.Duration(float64(honest+scans+catches) / o.Rate * float64(time.Second))
	ms := make([]moment, 0, honest+scans+catches)
	add := func(at time.Duration, call, session int32) {
		ms = append(ms, moment{at, int32(len(ms)), call, session})
	}
	for n := range o.Repeat {
		for i, indices := range sessions {
			at := time.Duration(r.Int64N(int64(span)))
			for _, c := range indices {
				add(at, c, int32(n*len(sessions)+i))
				at += time.Duration((0.05 + r.ExpFloat64()) * float64(time.Second))
			}
		}
	}
	for range scans { // the scanner is there for the middle third of the time
		add(span/3+time.Duration(r.Int64N(int64(span/3)+1)), scanned, 0)
	}
	for range catches {
		add(time.Duration(r.Int64N(int64(span))), caught, int32(r.IntN(o.Clients)))
	}
	slices.SortFunc(ms, func(a, b moment) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.n, b.n)) })
	c := newCast(o)
	for i, m := range ms {
		if i&1023 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		var e Entry
		switch m.call {
		case scanned:
			c.scan(&e)
		case caught:
			c.catch(&e, int(m.session))
		default:
			c.play(&e, &calls[m.call], int(m.session))
		}
		e.Started, e.Site = o.Start.Add(m.at), o.Site
		e.Duration = time.Duration((2 + 20*c.r.ExpFloat64()) * float64(time.Millisecond))
		if err := sink(&e); err != nil {
			return err
		}
	}
	return nil
}

// cast is who plays: the principals with their tokens, the addresses, the scanner.
type cast struct {
	o         *RecordedOptions
	r         *rand.Rand
	tokens    []string
	addresses []netip.Addr
	scanner   netip.Addr
	tool      software
	host      string
	word      int
}

func newCast(o *RecordedOptions) *cast {
	c := &cast{o: o, r: rand.New(rand.NewPCG(o.Seed, 42)), tool: ffuf()}
	nets := newNetworks()
	c.scanner = nets.draw(c.r, hosting)
	for range o.Principals {
		c.tokens = append(c.tokens, fmt.Sprintf("tok_%016x%016x", c.r.Uint64(), c.r.Uint64()))
	}
	for i := range o.Clients {
		class := residential
		if i%3 == 0 {
			class = hosting
		}
		c.addresses = append(c.addresses, nets.draw(c.r, class))
	}
	return c
}

// play makes the entry of a recorded call. A session keeps its principal; the principal is unlike that of its other repeats.
func (c *cast) play(e *Entry, call *recordedCall, session int) {
	c.host = call.Host
	who := int(mix(c.o.Seed+uint64(session)) % uint64(c.o.Principals))
	home := int(mix(uint64(who)+c.o.Seed<<8) % uint64(c.o.Clients))
	if mix(uint64(session))%4 == 0 { // now and then from a second place
		home = (home + 1) % c.o.Clients
	}
	e.Client = Client{IP: c.addresses[home].String(), Port: 1024 + int(mix(uint64(session)^7)%64000)}
	e.Label = Label{Actor: "principal-" + strconv.Itoa(who), Kind: Benign}
	target := call.Path
	if call.Query != "" {
		target += "?" + call.Query
	}
	e.Request = Request{Method: call.Method, URL: "https://" + call.Host + target, Version: "HTTP/1.1", Body: call.Body}
	value := func(name, otherwise string) string {
		for k, v := range call.Headers {
			if strings.EqualFold(k, name) {
				return v
			}
		}
		return otherwise
	}
	agents := [...]string{"python-requests/2.32.3", "Go-http-client/1.1", "okhttp/4.12.0", "axios/1.7.9"}
	hs := []Header{{Name: "Host", Value: call.Host}, {Name: "User-Agent", Value: value("User-Agent", agents[who%len(agents)])}, {Name: "Accept", Value: value("Accept", "*/*")}}
	switch anonymous := float64(mix(uint64(session)^99)>>11)/(1<<53) < c.o.Anonymous; {
	case call.status == 401: // it was refused in the recording: nobody's token
		hs = append(hs, Header{Name: "Authorization", Value: fmt.Sprintf("Bearer bad_%016x", mix(uint64(session)))})
	case anonymous:
		e.Label.Actor = "anonymous-" + strconv.Itoa(home)
	default:
		hs = append(hs, Header{Name: "Authorization", Value: "Bearer " + c.tokens[who]})
	}
	if kind := value("Content-Type", ""); kind != "" || call.Body != "" {
		if kind == "" {
			kind = "application/json"
		}
		hs = append(hs, Header{Name: "Content-Type", Value: kind})
	}
	if call.Body != "" || (call.Method != "GET" && call.Method != "HEAD") {
		hs = append(hs, Header{Name: "Content-Length", Value: strconv.Itoa(len(call.Body))})
	}
	e.Request.Headers = append(hs, Header{Name: "Accept-Encoding", Value: "gzip"})
	e.Response = Response{Status: call.status, Version: "HTTP/1.1", Body: call.Text, BodyUnknown: call.Dropped}
	for _, name := range sortedKeys(call.Answer) {
		e.Response.Headers = append(e.Response.Headers, Header{Name: name, Value: call.Answer[name]})
	}
}

// scan makes one request of the scanner against the host that was called last. Some words always answer 200 to it, and only it asks.
func (c *cast) scan(e *Entry) {
	w := c.o.Wordlist[c.word%len(c.o.Wordlist)]
	c.word++
	e.Client = Client{IP: c.scanner.String(), Port: 1024 + c.r.IntN(64000)}
	e.Label = Label{Actor: "scanner", Kind: "OAT-014", Campaign: "scanner"}
	host := c.host
	if host == "" {
		host = "unknown.example"
	}
	c.ask(e, host, w)
	e.Response = Response{Status: 404, Version: "HTTP/1.1", Headers: []Header{{Name: "Content-Type", Value: "application/json; charset=utf-8"}}, Body: `{"message":"Not Found"}`}
	if float64(mix(hashString(w))>>11)/(1<<53) < c.o.ScannerHits {
		e.Response.Status, e.Response.Body = 200, `{"status":"ok"}`
	}
}

// catch makes one request to the host that answers 200 to everything; three in ten are the scanner's.
func (c *cast) catch(e *Entry, client int) {
	e.Client = Client{IP: c.addresses[client].String(), Port: 1024 + c.r.IntN(64000)}
	e.Label = Label{Actor: "visitor-" + strconv.Itoa(client), Kind: Benign}
	target := fmt.Sprintf("/%s/%x", departmentName(c.r.Uint64()), c.r.Uint64()>>40)
	if c.r.IntN(10) < 3 {
		e.Client.IP, e.Label = c.scanner.String(), Label{Actor: "scanner", Kind: "OAT-014", Campaign: "scanner"}
		target = c.o.Wordlist[c.r.IntN(len(c.o.Wordlist))]
	}
	c.ask(e, c.o.CatchAllHost, target)
	e.Response = Response{
		Status: 200, Version: "HTTP/1.1", Headers: []Header{{Name: "Content-Type", Value: "text/html; charset=utf-8"}},
		Body: "<!doctype html><title>Welcome</title><div id=app></div>",
	}
}

func (c *cast) ask(e *Entry, host, target string) {
	e.Request = Request{Method: "GET", URL: "https://" + host + target, Version: "HTTP/1.1"}
	for _, f := range c.tool.headers {
		if f.Name == "Host" {
			f.Value = host
		}
		if e.Label.Kind == Benign && f.Name == "User-Agent" {
			f.Value = "Mozilla/5.0 (X11; Linux x86_64; rv:136.0) Gecko/20100101 Firefox/136.0"
		}
		e.Request.Headers = append(e.Request.Headers, f)
	}
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// hashString is FNV-1a.
func hashString(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}
