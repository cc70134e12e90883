package summary

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"

	"merlon/internal/model/dataclass"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/model/identity"
)

var testKey = dataclass.Key{1, 2, 3}

const testSeed = 0x5eed

const hour = int64(3600e9)

// request describes one event in words that a test reads well.
type request struct {
	n         uint64
	method    string
	host      string
	path      string
	template  string
	endpoint  identity.EndpointID
	status    uint16
	at        int64
	addr      string
	principal uint64
	strength  identity.Strength
	cred      identity.Credentials
	query     map[string]string
	response  [][2]string // field, value
	bytes     int64
}

func (r request) event() *event.Event {
	e := &event.Event{}
	e.ID[7], e.ID[8] = byte(r.n>>56), byte(r.n>>48)
	for i := range 8 {
		e.ID[8+i] = byte(r.n >> (8 * i))
	}
	e.At, e.Arrived = r.at, r.at
	if e.At == 0 {
		e.At, e.Arrived = 500000*hour, 500000*hour
	}
	e.Observed = exchange.SawAll
	e.Method, e.Host = e.Append([]byte(r.method)), e.Append([]byte(r.host))
	if r.template != "" {
		e.Template, e.Endpoint = e.Append([]byte(r.template)), r.endpoint
	}
	e.UserAgent = e.Append([]byte("curl/8.5"))
	e.Status = r.status
	e.Latency, e.RequestBytes, e.ResponseBytes = 3e6, 10, r.bytes
	if r.addr != "" {
		e.Client = netip.MustParseAddr(r.addr)
	}
	e.Principal = identity.Principal{Token: r.principal, Strength: r.strength}
	e.Credentials = r.cred
	e.Actor = identity.SettleActor(e.Principal, identity.Session{}, 0, identity.NetworkID(e.Client))
	for i, seg := range strings.Split(strings.TrimPrefix(r.path, "/"), "/") {
		set, _ := dataclass.Recognise([]byte(seg))
		o := event.Observation{
			Loc: exchange.SegmentLoc(i), Token: testKey.Token([]byte(seg)), Classes: uint64(set), Len: uint32(len(seg)),
			Parent: -1, Part: exchange.InPath, Kind: exchange.KindString,
		}
		if n, err := strconv.ParseFloat(seg, 64); err == nil {
			o.Number = n
		}
		if !dataclass.Segment([]byte(seg)).Typed() {
			o.Flags, o.Literal = exchange.LeafLiteral, e.Append([]byte(seg))
		}
		e.Observations = append(e.Observations, o)
	}
	add := func(p exchange.Part, parent int32, loc uint64, name, value string, k exchange.Kind) {
		set, _ := dataclass.Recognise([]byte(value))
		o := event.Observation{Loc: loc, Parent: parent, Part: p, Kind: k, Len: uint32(len(value)), Name: e.Append([]byte(name)), Classes: uint64(set)}
		if k == exchange.KindString {
			o.Token = testKey.Token([]byte(value))
		}
		e.Observations = append(e.Observations, o)
	}
	for _, k := range []string{"page", "q"} {
		if v, ok := r.query[k]; ok {
			add(exchange.InQuery, -1, exchange.MemberLoc(exchange.RootLoc(exchange.InQuery), []byte(k)), k, v, exchange.KindString)
		}
	}
	if r.response != nil {
		e.ResponseBody, e.ResponseWalked = exchange.BodyJSON, true
		root := exchange.RootLoc(exchange.InResponseBody)
		at := int32(len(e.Observations))
		add(exchange.InResponseBody, -1, root, "", "", exchange.KindObject)
		for _, f := range r.response {
			add(exchange.InResponseBody, at, exchange.MemberLoc(root, []byte(f[0])), f[0], f[1], exchange.KindString)
		}
	}
	return e
}

// stream makes n random events of a small API with junk in between.
func stream(seed uint64, n int) []*event.Event {
	rnd := rand.New(rand.NewPCG(seed, 7))
	out := make([]*event.Event, n)
	for i := range out {
		r := request{
			n: seed<<32 + uint64(i), host: "api.example", method: "GET", status: 200,
			at:   (500000 + int64(rnd.IntN(400))) * hour,
			addr: fmt.Sprintf("10.%d.%d.9", rnd.IntN(20), rnd.IntN(20)),
		}
		if rnd.IntN(2) == 0 {
			r.principal, r.strength = testKey.Token([]byte{byte(rnd.IntN(60))}), identity.Strength(rnd.IntN(4))
			r.cred = identity.Credentials(0).With(identity.Bearer)
		}
		switch rnd.IntN(6) {
		case 0:
			r.path = fmt.Sprintf("/users/%d", rnd.IntN(1000))
			r.response = [][2]string{{"id", "5"}, {"email", fmt.Sprintf("a%d@example.com", rnd.IntN(40))}}
		case 1:
			r.path, r.query = "/search", map[string]string{"q": fmt.Sprint(rnd.IntN(99))}
		case 2:
			r.path, r.status = fmt.Sprintf("/junk-%c%c", 'a'+rnd.IntN(26), 'a'+rnd.IntN(26)), 404
		case 3:
			r.path, r.template, r.endpoint = fmt.Sprintf("/pets/rex%c", 'a'+rnd.IntN(26)), "/pets/{petName}", 7
		case 4:
			r.path, r.method, r.status = "/users", "POST", []uint16{201, 400, 500}[rnd.IntN(3)]
		case 5:
			r.path = fmt.Sprintf("/page-%c%c", 'a'+rnd.IntN(26), 'a'+rnd.IntN(26))
			r.bytes = int64(rnd.IntN(4000))
		}
		out[i] = r.event()
	}
	return out
}
