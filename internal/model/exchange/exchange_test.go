package exchange

import (
	"slices"
	"strings"
	"testing"
)

func TestAnomalies(t *testing.T) {
	var s, odd Anomalies
	var want []Anomaly
	for a := Anomaly(1); int(a) < AnomalyCount; a++ {
		if got, ok := ParseAnomaly(a.String()); !ok || got != a {
			t.Errorf("anomaly %d is called %q, which is read as %d", a, a, got)
		}
		d := a.Describe()
		if d.RejectsRequest && d.Status == 0 {
			t.Errorf("%s refuses a request without a status to answer with", a)
		}
		if a%2 == 1 {
			odd.Add(a)
			want = append(want, a)
		}
		s.Add(a)
	}
	if s.Len() != AnomalyCount-1 || odd.Len() != len(want) || !slices.Equal(slices.Collect(odd.All()), want) || odd.Has(2) || !odd.Has(3) {
		t.Errorf("%d of %d anomalies; the odd ones are %v", s.Len(), AnomalyCount-1, slices.Collect(odd.All()))
	}
	if odd.Union(2); !odd.Has(1) {
		t.Error("a union lost what was there")
	}
	if name := Anomaly(AnomalyCount).String(); name != "wire.unknown" {
		t.Errorf("an anomaly beyond the last is called %q", name)
	}
	if _, ok := ParseAnomaly("wire.unknown"); ok {
		t.Error("no anomaly is called wire.unknown")
	}
}

func TestHeadersAreFoundInAnyCasing(t *testing.T) {
	for id := HeaderHost; id < NumHeaders; id++ {
		for _, name := range []string{id.String(), strings.ToUpper(id.String())} {
			if got := LookupHeader([]byte(name)); got != id {
				t.Errorf("%s is taken for %q", name, got)
			}
			if got := LookupHeader([]byte(name + "s")); got == id {
				t.Errorf("%ss is taken for %s", name, id)
			}
		}
	}
	for _, name := range []string{"", "hosT ", "c\x4fokies", "x-api\rkey", strings.Repeat("a", 300)} {
		if got := LookupHeader([]byte(name)); got != HeaderOther {
			t.Errorf("%q is taken for %s", name, got)
		}
	}
}

// Locations are in journals and summaries: another hash would part what was learned from what comes.
func TestLocationsStayWhatTheyAre(t *testing.T) {
	body := RootLoc(InBody)
	for _, tt := range []struct {
		name      string
		got, want uint64
	}{
		{"body", body, 0x9fb859a4ff2b1dbf},
		{"body.items", MemberLoc(body, []byte("items")), 0x772f4ad5edcad7a},
		{"body.items[]", ElementLoc(MemberLoc(body, []byte("items"))), 0x885c962e29b09a8e},
		{"body.appointmentId", MemberLoc(body, []byte("appointmentId")), 0xfbcb2597620a7456},
		{"path.2", SegmentLoc(2), 0xd1f429570cdb1662},
	} {
		if tt.got != tt.want {
			t.Errorf("%s is %#x, was %#x", tt.name, tt.got, tt.want)
		}
	}
	seen := map[uint64]string{}
	for _, part := range []Part{InPath, InQuery, InHeader, InCookie, InBody, InResponseHeader, InResponseBody} {
		for _, name := range []string{"", "a", "b", "ab", "ba", "a\x00", "abcdefgh", "abcdefghi", "abcdefgi"} {
			loc := MemberLoc(RootLoc(part), []byte(name))
			if other, taken := seen[loc]; taken {
				t.Errorf("%s.%q and %s share a location", part, name, other)
			}
			seen[loc] = part.String() + "." + name
		}
	}
}

func TestSources(t *testing.T) {
	live := map[Source]bool{SourceProxy: true, SourceDecide: true, SourceMirror: true, SourceOTLP: true, SourceMiddleware: true}
	names := map[string]bool{}
	for s := SourceProxy; int(s) < len(sourceNames); s++ {
		if s.Live() != live[s] {
			t.Errorf("%s: live is %v", s, s.Live())
		}
		if names[s.String()] {
			t.Errorf("two sources are called %s", s)
		}
		names[s.String()] = true
	}
	if s := Source(200).String(); s != "unknown" {
		t.Errorf("a source beyond the last is called %q", s)
	}
}

func TestResetKeepsOnlyCapacity(t *testing.T) {
	x := Exchange{
		Site: "a", Method: []byte("GET"), Status: 200, Leaves: make([]Leaf, 3, 8), RPC: RPC{Protocol: GRPC},
		Request: Message{Fields: make([]Field, 2, 4), Body: []byte("b")}, Response: Message{Fields: make([]Field, 1, 4), BodySize: 7},
	}
	x.Reset()
	if cap(x.Leaves) != 8 || cap(x.Request.Fields) != 4 || cap(x.Response.Fields) != 4 {
		t.Error("the memory is gone")
	}
	if len(x.Leaves)+len(x.Request.Fields)+len(x.Response.Fields) != 0 || x.Site != "" || x.Method != nil || x.Status != 0 ||
		x.Request.Body != nil || x.Response.BodySize != 0 || x.RPC != (RPC{}) {
		t.Errorf("something of the last exchange is left: %+v", x)
	}
}

func TestCallsHaveTheStatusTheyMean(t *testing.T) {
	for _, tt := range []struct {
		rpc           RPC
		carried, want int
	}{
		{RPC{}, 404, 404},
		{RPC{Protocol: GRPC}, 200, 200}, // no status came
		{RPC{Protocol: GRPC, Known: true, Status: RPCOK}, 200, 200},
		{RPC{Protocol: GRPC, Known: true, Status: RPCPermissionDenied}, 200, 403},
		{RPC{Protocol: GRPCWeb, Known: true, Status: 16}, 200, 401},
		{RPC{Protocol: GRPCWeb, Known: true, Status: RPCOK}, 503, 503}, // a proxy on the way
		{RPC{Protocol: GRPC, Known: true, Status: RPCBeyond}, 200, 500},
	} {
		if got := tt.rpc.HTTPStatus(tt.carried); got != tt.want {
			t.Errorf("%+v over %d means %d, want %d", tt.rpc, tt.carried, got, tt.want)
		}
	}
}
