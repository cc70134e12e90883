package main

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
)

// The API of the workload: ten collections, each with a list, items and their parts; 10 x (1 + 2 x 40) = 810 resources.
const (
	itemsPerCollection = 40
	requestsInWorkload = 2000
	writesPerTen       = 3 // of ten requests, three write
	responseBytes      = 1000
)

var collections = [...]struct{ name, part string }{
	{"orders", "lines"},
	{"customers", "addresses"},
	{"invoices", "positions"},
	{"products", "prices"},
	{"appointments", "notes"},
	{"payments", "refunds"},
	{"shipments", "events"},
	{"tickets", "comments"},
	{"devices", "readings"},
	{"reports", "pages"},
}

// resource is one path of the upstream and its two answers.
type resource struct {
	path   string
	body   string // answer to everything but POST
	posted string // answer to POST (201); empty where POST has no place
}

// piece is one request with its holes: number, token and client address are written in by wrk.lua.
type piece struct {
	numberFirst   bool // the number stands in the request line, otherwise in the body
	a, b, c       string
	method, route string // for checks
}

// workload is what is asked and what is answered; the same for the same seed.
type workload struct {
	resources []resource
	pieces    []piece
}

var words = strings.Fields(`amber basin cedar delta ember fjord grove harbor inlet juniper kelp lagoon meadow north orchard
	prairie quarry ridge summit timber upland valley willow yonder zephyr account balance carrier deposit estimate freight`)

func newWorkload(seed uint64) *workload {
	r := rand.New(rand.NewPCG(seed, seed))
	w := &workload{}
	for i := range collections {
		base := "/v1/" + collections[i].name
		w.resources = append(w.resources, resource{path: base, body: document(r, base, "list"), posted: document(r, base, "created")})
		for j := range itemsPerCollection {
			item := base + "/" + itemID(r, i, j)
			w.resources = append(w.resources,
				resource{path: item, body: document(r, item, "item")},
				resource{path: item + "/" + collections[i].part, body: document(r, item, collections[i].part)})
		}
	}
	for i := range requestsInWorkload {
		if i%10 < writesPerTen {
			w.pieces = append(w.pieces, w.write(r))
		} else {
			w.pieces = append(w.pieces, w.read(r))
		}
	}
	return w
}

// itemID gives half of the collections numbers and the others UUIDs.
func itemID(r *rand.Rand, collection, item int) string {
	if collection%2 == 0 {
		return fmt.Sprint(1000 + 17*item + collection)
	}
	return fmt.Sprintf("%08x-%04x-4%03x-%x%03x-%012x", r.Uint32(), r.IntN(1<<16), r.IntN(1<<12), 8+r.IntN(4), r.IntN(1<<12), r.Int64N(1<<48))
}

// document is about a kilobyte of JSON that names its resource.
func document(r *rand.Rand, path, kind string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"self":"%s","kind":"%s","version":%d,"updated":"2024-%02d-%02dT%02d:%02d:00Z","owner":{"id":%d,"name":"%s","active":%t},"entries":[`,
		path, kind, r.IntN(90), 1+r.IntN(12), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(1e6), phrase(r, 2), r.IntN(2) == 0)
	for i := 0; b.Len() < responseBytes-80; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"number":%d,"label":"%s","amount":%d.%02d,"state":"%s"}`, i+1, phrase(r, 3), r.IntN(5000), r.IntN(100), [...]string{"open", "paid", "sent", "closed"}[r.IntN(4)])
	}
	fmt.Fprintf(&b, `],"total":%d.%02d,"currency":"EUR","remark":"%s"}`, r.IntN(90000), r.IntN(100), phrase(r, 4))
	return b.String()
}

func phrase(r *rand.Rand, n int) string {
	out := make([]string, n)
	for i := range out {
		out[i] = words[r.IntN(len(words))]
	}
	return strings.Join(out, " ")
}

// Header fields of a browser's client. The token follows Authorization, which is last.
const headers = " HTTP/1.1\r\nHost: api.bench.example\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36\r\n" +
	"Accept: application/json, text/plain, */*\r\nAccept-Language: en-US,en;q=0.9,de;q=0.8\r\nAccept-Encoding: gzip, deflate, br\r\n" +
	"Origin: https://shop.bench.example\r\nReferer: https://shop.bench.example/overview\r\n" +
	"Sec-Fetch-Mode: cors\r\nSec-Fetch-Site: same-site\r\nAuthorization: Bearer "

func (w *workload) read(r *rand.Rand) piece {
	at := r.IntN(len(w.resources))
	path := w.resources[at].path
	var query string
	switch strings.Count(path, "/") {
	case 2:
		query = fmt.Sprintf("?page=%d&limit=%d&sort=%s&state=%s&since=2024-%02d-01&cursor=", 1+r.IntN(50), 10*(1+r.IntN(5)), [...]string{"created", "-created", "label"}[r.IntN(3)], [...]string{"open", "paid", "sent"}[r.IntN(3)], 1+r.IntN(12))
	case 3:
		query = fmt.Sprintf("?expand=%s&locale=%s&revision=", [...]string{"owner", "entries", "owner,entries"}[r.IntN(3)], [...]string{"en", "de", "fr"}[r.IntN(3)])
	default:
		query = fmt.Sprintf("?limit=%d&order=%s&after=", 10*(1+r.IntN(5)), [...]string{"asc", "desc"}[r.IntN(2)])
	}
	return piece{numberFirst: true, a: "GET " + path + query, b: headers, c: "\r\n\r\n", method: "GET", route: path}
}

// numberBytes is the width of the number that wrk.lua writes into every request.
const numberBytes = 10

func (w *workload) write(r *rand.Rand) piece {
	c := r.IntN(len(collections))
	first := c * (1 + 2*itemsPerCollection) // its list; then item, part, item, part ...
	method, at := "POST", first
	if r.IntN(5) < 2 {
		method, at = "PUT", first+1+2*r.IntN(itemsPerCollection)
	}
	path := w.resources[at].path
	before, after := body(r)
	return piece{
		a:      method + " " + path + headers,
		b:      fmt.Sprintf("\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(before)+numberBytes+len(after), before),
		c:      after,
		method: method, route: path,
	}
}

// body is about a kilobyte of JSON, cut where the number goes.
func body(r *rand.Rand) (before, after string) {
	before = fmt.Sprintf(`{"customer":{"id":%d,"name":"%s","email":"%s.%d@mail.example","phone":"+49 30 %07d"},"reference":"R`,
		r.IntN(1e6), phrase(r, 2), words[r.IntN(len(words))], r.IntN(1e5), r.IntN(1e7))
	var b strings.Builder
	fmt.Fprintf(&b, `","due":"2025-%02d-%02d","priority":%d,"express":%t,"delivery":{"street":"%s %d","city":"%s","postcode":"%05d","country":"DE"},"lines":[`,
		1+r.IntN(12), 1+r.IntN(28), r.IntN(5), r.IntN(2) == 0, phrase(r, 1), 1+r.IntN(200), phrase(r, 1), r.IntN(1e5))
	for i := 0; len(before)+b.Len() < responseBytes-120; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"sku":"SKU-%06d","quantity":%d,"price":%d.%02d,"text":"%s"}`, r.IntN(1e6), 1+r.IntN(9), r.IntN(500), r.IntN(100), phrase(r, 3))
	}
	fmt.Fprintf(&b, `],"discount":%.2f,"coupon":null,"remark":"%s"}`, r.Float64(), phrase(r, 6))
	return before, b.String()
}

// token is shaped like a JWT that a key of 2048 bits has signed; the signature is random, since nobody verifies it here.
func token(r *rand.Rand, subject int) string {
	enc := base64.RawURLEncoding
	claims := fmt.Sprintf(`{"iss":"https://auth.bench.example/","sub":"user-%07d","aud":"bench-api","exp":4102444800,"iat":1760000000,"scope":"read:orders write:orders","tenant":%d}`, subject, subject%500)
	signature := make([]byte, 256)
	for i := range signature {
		signature[i] = byte(r.Uint32())
	}
	return enc.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT","kid":"k1"}`)) + "." + enc.EncodeToString([]byte(claims)) + "." + enc.EncodeToString(signature)
}
