package traffic

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// LogOptions describe a large access log for the ingest benchmark.
type LogOptions struct {
	Seed    uint64
	Lines   int
	Clients int       // different client addresses: 10,000 when zero, at most 1<<24
	Start   time.Time // of the first line; must be given
	Rate    float64   // lines a second in event time: 200 when zero
	// Junk is the share of lines that ask for paths nobody has (404), each path nearly once.
	Junk float64
}

// logTemplates are the endpoints of the log, most popular first: method, path with {i} integer, {u} UUID, {s} slug, usual status and size.
const logTemplates = `GET /v2/appointments?status=booked 200 1830
GET /v2/patients/{u} 200 512
GET /v2/patients/{u}/records 200 940
GET /health 200 34
GET /v2/patients/{u}/records/{i} 200 611
POST /v2/auth/login 200 702
GET /v2/me 200 120
GET /v2/departments/{s} 200 96
GET /v2/billing/invoices/INV-2026-{i} 200 488
GET /v2/appointments/{i} 200 260
POST /v2/appointments 201 262
GET /v2/billing/invoices?page=1 200 2100
PATCH /v2/patients/{u}/contact 200 520
POST /v2/auth/refresh 200 702
GET /v2/departments 200 1210
POST /v2/telehealth/sessions 201 190
GET /v2/telehealth/sessions/{u}/messages 200 860
POST /v2/telehealth/sessions/{u}/messages 201 140
GET /v1/patients/{u} 200 180
GET /v2/patients?q={s} 200 3300
POST /v2/patients/{u}/documents 201 240
GET /v2/patients/{u}/documents 200 610
POST /v2/appointments/{i}/cancel 200 262
GET /v1/patients?page={i} 200 4100
POST /v2/auth/logout 204 0
GET /robots.txt 200 82`

// WriteCombined writes o.Lines lines of the combined log format: endpoints, clients and ids by Zipf's law, errors at two per cent, time
// moving on. One seed gives the same bytes. It is written for speed, since ten million lines are wanted (BenchmarkWriteCombined).
func WriteCombined(w io.Writer, o LogOptions) error {
	if o.Clients <= 0 {
		o.Clients = 10_000
	}
	if o.Rate <= 0 {
		o.Rate = 200
	}
	if o.Clients > 1<<24 || o.Start.IsZero() || o.Junk < 0 || o.Junk > 1 || o.Lines < 0 {
		return fmt.Errorf("%w: log lines need a Start, at most 1<<24 Clients and a Junk share of 0 to 1", ErrOptions)
	}
	g := newLogLines(&o)
	bw := bufio.NewWriterSize(w, 1<<18)
	line := make([]byte, 0, 1024)
	for i := range o.Lines {
		line = g.append(line[:0], o.Start.Add(time.Duration(float64(i)/o.Rate*float64(time.Second))))
		if _, err := bw.Write(line); err != nil {
			return err
		}
	}
	return bw.Flush()
}

// logLines appends lines.
type logLines struct {
	r         *rand.Rand
	junk      float64
	templates []logTemplate
	popular   *rand.Zipf // endpoint
	client    *rand.Zipf
	id        *rand.Zipf
	nets      *networks
	agents    []string
	second    int64 // of stamp
	stamp     []byte
	seed      uint64
}

type logTemplate struct{ method, path, status, size string }

func newLogLines(o *LogOptions) *logLines {
	r := rand.New(rand.NewPCG(o.Seed, 31))
	g := &logLines{
		r: r, junk: o.Junk, nets: newNetworks(), second: -1 << 62, seed: o.Seed,
		client: rand.NewZipf(r, 1.05, 20, uint64(o.Clients-1)), id: rand.NewZipf(r, 1.1, 50, 200_000),
	}
	for line := range strings.SplitSeq(logTemplates, "\n") {
		f := strings.Fields(line)
		g.templates = append(g.templates, logTemplate{f[0], f[1], f[2], f[3]})
	}
	g.popular = rand.NewZipf(r, 1.2, 2, uint64(len(g.templates)-1))
	for _, sw := range []software{chrome("134", "Windows"), okhttp(), cfnetwork(), firefox("136.0"), safari(), javaClient(), chrome("133", "macOS"), pythonRequests("python-requests/2.32.3")} {
		g.agents = append(g.agents, header(sw.headers, "User-Agent"))
	}
	return g
}

func (g *logLines) append(b []byte, at time.Time) []byte {
	client := g.client.Uint64()
	b = g.address(b, client)
	b = append(b, " - - ["...)
	if s := at.Unix(); s != g.second {
		g.second, g.stamp = s, at.UTC().AppendFormat(g.stamp[:0], "02/Jan/2006:15:04:05 -0700")
	}
	b = append(b, g.stamp...)
	b = append(b, `] "`...)
	if g.junk > 0 && g.r.Float64() < g.junk {
		b = append(b, "GET /"...)
		b = strconv.AppendUint(b, g.r.Uint64()>>24, 36)
		b = append(b, `.php HTTP/1.1" 404 74`...)
	} else {
		t := &g.templates[g.popular.Uint64()]
		b = append(b, t.method...)
		b = append(b, ' ')
		b = g.fill(b, t.path)
		b = append(b, ` HTTP/1.1" `...)
		if n := g.r.Uint32(); n < 1<<32/50 {
			b = append(b, []string{"404 74", "401 91", "400 88", "500 61", "429 80"}[n%5]...)
		} else {
			b = append(append(append(b, t.status...), ' '), t.size...)
		}
	}
	b = append(b, ` "-" "`...)
	b = append(b, g.agents[mix(g.seed^client)%uint64(len(g.agents))]...)
	return append(b, "\"\n"...)
}

// fill replaces the marks of a path by ids.
func (g *logLines) fill(b []byte, path string) []byte {
	for {
		i := strings.IndexByte(path, '{')
		if i < 0 {
			return append(b, path...)
		}
		b = append(b, path[:i]...)
		id := g.id.Uint64()
		switch path[i+1] {
		case 'i':
			b = strconv.AppendUint(b, 100_000+id, 10)
		case 's':
			b = append(b, departmentName(id)...)
		default:
			b = appendUUID(b, mix(id), mix(^id))
		}
		path = path[i+3:]
	}
}

// address writes the address of client n: always the same one, in a believable network.
func (g *logLines) address(b []byte, n uint64) []byte {
	ps := g.nets.byClass[residential]
	v := mix(g.seed + n<<20)
	p := ps[v%uint64(len(ps))]
	if !p.Addr().Is4() {
		p = ps[0]
	}
	a := p.Addr().As4()
	v = v >> 16 & (1<<(32-p.Bits()) - 1)
	for i := range a {
		if i > 0 {
			b = append(b, '.')
		}
		b = strconv.AppendUint(b, uint64(a[i]|byte(v>>(24-8*i))), 10)
	}
	return b
}

func departmentName(id uint64) string { return departmentNames()[id%8] }

// mix is a 64-bit finaliser (splitmix64, public domain).
func mix(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// appendUUID writes a version 4 UUID.
func appendUUID(b []byte, hi, lo uint64) []byte {
	const hex = "0123456789abcdef"
	hi, lo = hi&^0xF000|0x4000, lo&^(3<<62)|1<<63
	for i := range 32 {
		if i == 8 || i == 12 || i == 16 || i == 20 {
			b = append(b, '-')
		}
		v := hi
		if i >= 16 {
			v = lo
		}
		b = append(b, hex[v>>(60-4*(i%16))&15])
	}
	return b
}
