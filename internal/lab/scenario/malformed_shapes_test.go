package scenario

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// shape is what one connection sends.
type shape struct {
	family string
	wire   []byte
	// hold keeps the sending side open, so that only the proxy's own time-out ends it.
	hold bool
	// control is an ordinary request that must be answered 200 whatever else goes on.
	control bool
}

// corpusWires reads the requests of the codec's corpus; its form is described at the head of the file.
func corpusWires(t *testing.T) (out [][]byte) {
	t.Helper()
	raw, err := os.ReadFile("../../edge/http1/testdata/requests.txt")
	if err != nil {
		t.Fatal(err)
	}
	for n, line := range strings.Split(string(raw), "\n") {
		switch {
		case strings.HasPrefix(line, "["):
			out = append(out, nil)
		case strings.HasPrefix(line, "|"):
			text, end := strings.TrimPrefix(line[1:], " "), "\r\n"
			if cut, ok := strings.CutSuffix(text, `\`); ok && !strings.HasSuffix(cut, `\`) {
				text, end = cut, ""
			}
			s, err := strconv.Unquote(`"` + strings.ReplaceAll(text, `"`, `\"`) + `"`)
			if err != nil {
				t.Fatalf("line %d: %v", n+1, err)
			}
			out[len(out)-1] = append(append(out[len(out)-1], s...), end...)
		}
	}
	return out
}

// shapes makes n connections' worth of trouble from a seed, every kind in its share.
func shapes(t *testing.T, n int) []shape {
	corpus := corpusWires(t)
	if len(corpus) < 120 {
		t.Fatalf("only %d requests in the corpus", len(corpus))
	}
	r := rand.New(rand.NewPCG(12, 34))
	var out []shape
	for _, w := range corpus {
		out = append(out, shape{family: "corpus", wire: w})
	}
	for i := range 64 {
		out = append(out, shape{family: "slow", wire: slow(r, i), hold: true})
	}
	for i := range 60 {
		out = append(out, shape{family: "large body", wire: largeBody(r, i)})
	}
	smuggling := smuggled()
	for len(out) < n {
		switch k := r.IntN(100); {
		case k < 35:
			out = append(out, shape{family: "mutated", wire: mutate(r, corpus[r.IntN(len(corpus))])})
		case k < 65:
			out = append(out, shape{family: "smuggling", wire: smuggling[r.IntN(len(smuggling))]})
		case k < 80:
			out = append(out, shape{family: "junk", wire: junk(r)})
		case k < 95:
			out = append(out, shape{family: "oversized", wire: oversized(r)})
		default:
			out = append(out, shape{family: "control", wire: []byte("GET /control HTTP/1.1\r\nHost: a.example\r\n\r\n"), control: true})
		}
	}
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// slow is the beginning of a request whose end never comes.
func slow(r *rand.Rand, i int) []byte {
	if i%4 == 3 {
		return []byte("POST /slow HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100\r\n\r\nonly this")
	}
	whole := "GET /slow HTTP/1.1\r\nHost: a.example\r\nUser-Agent: slow\r\n"
	return []byte(whole[:1+r.IntN(len(whole)-1)])
}

// largeBody is a request of more than is inspected; one in three breaks behind that.
func largeBody(r *rand.Rand, i int) []byte {
	size := 140_000 + r.IntN(200_000)
	switch i % 6 {
	case 3:
		return fmt.Appendf(nil, "POST /large HTTP/1.1\r\nHost: a.example\r\nContent-Length: %d\r\n\r\n%s", size+1, strings.Repeat("x", size))
	case 5:
		return fmt.Appendf(nil, "POST /large HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\nGET /smuggled HTTP/1.1\r\n\r\n", size, strings.Repeat("x", size))
	}
	if i%2 == 0 {
		return fmt.Appendf(nil, "POST /large HTTP/1.1\r\nHost: a.example\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat("x", size))
	}
	b := []byte("POST /large HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n")
	for size > 0 {
		k := min(size, 1+r.IntN(30_000))
		b = fmt.Appendf(b, "%x\r\n%s\r\n", k, strings.Repeat("y", k))
		size -= k
	}
	return append(b, "0\r\n\r\n"...)
}

// mutate damages a request: bytes changed, lost, put in, doubled; lines swapped; the end cut off.
func mutate(r *rand.Rand, w []byte) []byte {
	w = slices.Clone(w)
	special := []byte{0, '\t', '\n', '\r', ' ', ':', ',', ';', '%', '/', '"', 0x7f, 0x80, 0xff, 'a', '0'}
	for range 1 + r.IntN(4) {
		if len(w) == 0 {
			return w
		}
		at := r.IntN(len(w))
		switch r.IntN(6) {
		case 0:
			w[at] = special[r.IntN(len(special))]
		case 1:
			w = slices.Delete(w, at, min(at+1+r.IntN(3), len(w)))
		case 2:
			w = slices.Insert(w, at, special[r.IntN(len(special))])
		case 3:
			w = slices.Insert(w, at, w[at:min(at+1+r.IntN(20), len(w))]...)
		case 4:
			lines := strings.SplitAfter(string(w), "\n")
			i, j := r.IntN(len(lines)), r.IntN(len(lines))
			lines[i], lines[j] = lines[j], lines[i]
			w = []byte(strings.Join(lines, ""))
		default:
			w = w[:at]
		}
	}
	return w
}

func junk(r *rand.Rand) []byte {
	switch r.IntN(5) {
	case 0:
		return []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
	case 1:
		return []byte("\x16\x03\x01\x00\xf1\x01\x00\x00\xed\x03\x03" + strings.Repeat("\x5a", 230))
	case 2:
		return []byte("SSH-2.0-OpenSSH_9.9\r\n")
	}
	w := make([]byte, 1+r.IntN(4096))
	for i := range w {
		w[i] = byte(r.Uint32())
	}
	return w
}

func oversized(r *rand.Rand) []byte {
	const start = "GET / HTTP/1.1\r\nHost: a.example\r\n"
	many := strings.Repeat
	const chunked = "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n"
	return []byte([]string{
		"GET /" + many("a", 9000+r.IntN(30_000)) + " HTTP/1.1\r\nHost: a.example\r\n\r\n",
		start + "X: " + many("b", 33_000+r.IntN(30_000)) + "\r\n\r\n",
		start + many("X-Y: z\r\n", 101+r.IntN(900)) + "\r\n",
		start + many("k", 40_000) + ": v\r\n\r\n",
		start + "Connection: " + many("close, ", 17+r.IntN(100)) + "x\r\n\r\n",
		many("M", 33+r.IntN(4000)) + " / HTTP/1.1\r\nHost: a.example\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: " + many("h.", 140+r.IntN(1000)) + "example\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: " + many("9", 18+r.IntN(400)) + "\r\n\r\n",
		chunked + "1;" + many("e", 1100+r.IntN(9000)) + "\r\na\r\n0\r\n\r\n",
		chunked + many("1;x=y\r\na\r\n", 300+r.IntN(300)) + "0\r\n\r\n",
		chunked + many("f", 17+r.IntN(200)) + "\r\n",
		chunked + many("0", 17+r.IntN(200)) + "1\r\na\r\n0\r\n\r\n",
		chunked + "0\r\n" + many("T: u\r\n", 33+r.IntN(300)) + "\r\n",
		chunked + "0\r\nT: " + many("u", 8200+r.IntN(9000)) + "\r\n\r\n",
		"\r\n" + many("\r\n", r.IntN(200)) + start + "\r\n",
	}[r.IntN(15)])
}

// smuggled are the shapes in which two readers of one stream disagree where a request ends: every length with every coding
// and several bodies that hide a second request.
func smuggled() (out [][]byte) {
	codings := []string{
		"", "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: Chunked\r\n", "Transfer-Encoding : chunked\r\n", " Transfer-Encoding: chunked\r\n",
		"Transfer-Encoding:\tchunked\r\n", "Transfer-Encoding:\x0bchunked\r\n", "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding: chunked, identity\r\n",
		"Transfer-Encoding: identity, chunked\r\n", "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "X: y\nTransfer-Encoding: chunked\r\n", "X: y\rTransfer-Encoding: chunked\r\n",
		"Transfer-Encoding:\r\n chunked\r\n", "Transfer-Encoding: \"chunked\"\r\n", "Transfer-Encoding: chunked;q=1\r\n", "Transfer_Encoding: chunked\r\n",
		"Transfer-Encoding: chunk\x00ed\r\n", "Transfer-Encoding: ch\xc5\xabnked\r\n",
	}
	lengths := []string{
		"", "Content-Length: 4\r\n", "Content-Length: +4\r\n", "Content-Length: 4, 4\r\n", "Content-Length: 4\r\nContent-Length: 4\r\n",
		"Content-Length: 4\r\nContent-Length: 40\r\n", "Content-Length: 0x4\r\n", "Content-Length: -1\r\n", "Content-Length: 4 4\r\n", "Content-Length : 4\r\n",
		"Content-Length: 18446744073709551620\r\n", "Content-Length:\r\n 4\r\n", "Content-Length: 0\r\n", "Content_Length: 4\r\n", "Content-Length: \xb2\r\n",
	}
	const second = "GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n"
	bodies := []string{
		"0\r\n\r\n" + second, "4\r\nabcd\r\n0\r\n\r\n" + second, second, "2c\r\n" + second + "\r\n0\r\n\r\n", "0\n\n" + second, "0\r\nX: " + second, "04;\n" + second,
	}
	for _, te := range codings {
		for _, cl := range lengths {
			for i, b := range bodies {
				head := cl + te
				if i%2 == 0 {
					head = te + cl
				}
				version := "1.1"
				if i == 4 {
					version = "1.0"
				}
				out = append(out, []byte("POST /outer HTTP/"+version+"\r\nHost: a.example\r\n"+head+"\r\n"+b))
			}
		}
	}
	return out
}
