package listen

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"
)

// door is an Admission with connections that exist only here.
type door struct {
	*Admission
	t   testing.TB
	log bytes.Buffer
}

func newDoor(t testing.TB, o AdmissionOptions) *door {
	d := &door{t: t}
	o.Now, o.Log = time.Now, slog.New(slog.NewTextHandler(&d.log, nil))
	d.Admission = NewAdmission(o)
	return d
}

// come is a connection from an address, nil when it is not admitted.
func (d *door) come(addr string) *Conn {
	near, far := net.Pipe()
	d.t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	at := netip.AddrPortFrom(netip.MustParseAddr(addr), 1)
	c := &Conn{Conn: near, Raw: near, Client: Client{Addr: at, Peer: at}}
	if !d.enter(c) {
		return nil
	}
	if !d.place(c) {
		d.leave(c)
		return nil
	}
	return c
}

func (d *door) comeMany(n int, format string) (out []*Conn) {
	d.t.Helper()
	for i := range n {
		c := d.come(fmt.Sprintf(format, i))
		if c == nil {
			d.t.Fatalf("number %d is not admitted", i)
		}
		out = append(out, c)
	}
	return out
}

func TestOneNetworkDoesNotTakeEverything(t *testing.T) {
	d := newDoor(t, AdmissionOptions{Connections: 100, PerNetwork: 10, PerAddress: 4})
	crowd := d.comeMany(50, "192.0.2.%d") // there is room for all
	for range 4 {
		if d.come("198.51.100.1") == nil {
			t.Error("an address is refused what it may have")
		}
	}
	for _, tc := range []struct {
		name, addr string
		in         bool
	}{
		{"a fifth of one address", "198.51.100.1", false},
		{"its neighbour", "198.51.100.2", true},
		{"one more of the crowd", "192.0.2.200", false},
		{"IPv6", "2001:db8:1:1::1", true},
	} {
		if got := d.come(tc.addr) != nil; got != tc.in {
			t.Errorf("%s: admitted %v", tc.name, got)
		}
	}
	for i := range 3 {
		if d.come(fmt.Sprintf("2001:db8:1:1::%d", i+2)) == nil {
			t.Error("a /64 is refused what one client may have")
		}
	}
	if d.come("2001:db8:1:1::9") != nil {
		t.Error("a client with an IPv6 network of its own counts by address")
	}
	if n := strings.Count(d.log.String(), "proxy_protocol"); n != 3 { // once for each network
		t.Errorf("said %d times: %s", n, d.log.String())
	}
	for _, c := range crowd {
		_ = c.Close()
	}
	if d.come("192.0.2.200") == nil {
		t.Error("what was given back is not there")
	}
	if s := d.Stats(); s.RefusedNetwork != 3 || s.Open != 10 || s.Networks != 3 {
		t.Errorf("%+v", s)
	}
}

// TestIdleOnesMakeRoom: when everything is full, connections that wait for their client are closed, of the largest
// network first, and never one with a request under way.
func TestIdleOnesMakeRoom(t *testing.T) {
	d := newDoor(t, AdmissionOptions{Connections: 100, PerNetwork: 1000})
	small := d.comeMany(10, "198.51.100.%d")
	large := d.comeMany(90, "192.0.2.%d")
	for i, c := range large {
		c.Busy()
		if i%2 == 0 {
			c.Idle()
		}
	}
	served := 0
	for i := range 45 {
		if c := d.come(fmt.Sprintf("203.0.113.%d", i)); c != nil {
			c.Busy()
			served++
		}
	}
	gone := func(list []*Conn) (n int) {
		for _, c := range list {
			if c.Shed() {
				n++
			}
		}
		return n
	}
	if served != 45 || gone(small) > 10 || gone(large) < 35 {
		t.Errorf("%d served, %d of the small network and %d of the large one closed", served, gone(small), gone(large))
	}
	for i, c := range large {
		if i%2 == 1 && c.Shed() {
			t.Fatal("a request under way was cut")
		}
		if c.Shed() && c.Busy() {
			t.Fatal("a closed connection goes on")
		}
	}
	if s := d.Stats(); s.Open > 100 || s.Shed == 0 || s.RefusedFull != 0 {
		t.Errorf("%+v", s)
	}
}

// TestWhoIsClosedFirst: the order in which connections make room.
func TestWhoIsClosedFirst(t *testing.T) {
	d := newDoor(t, AdmissionOptions{Connections: 40, PerNetwork: 1000})
	served := func(list []*Conn) []*Conn {
		for _, c := range list {
			c.Busy()
			c.Idle()
		}
		return list
	}
	patient := served(d.comeMany(2, "203.0.113.%d"))
	silent := d.comeMany(2, "198.51.100.%d")
	heavy := d.comeMany(8, "192.0.2.%d")
	busy := d.comeMany(10, "10.0.%d.1")
	for _, c := range busy {
		c.Busy()
	}
	recent := served(d.comeMany(2, "100.64.0.%d"))
	young := d.comeMany(2, "100.64.1.%d")
	gone := func() (names []string) {
		for _, g := range []struct {
			name string
			list []*Conn
		}{{"heavy", heavy}, {"silent", silent}, {"patient", patient}, {"recent", recent}, {"young", young}, {"busy", busy}} {
			n := 0
			for _, c := range g.list {
				if c.Shed() {
					n++
				}
			}
			if n == len(g.list) {
				names = append(names, g.name)
			} else if n > 0 {
				names = append(names, "some "+g.name)
			}
		}
		return names
	}
	for i, tc := range []struct {
		want int
		gone string
	}{{8, "heavy"}, {2, "heavy silent"}, {2, "heavy silent patient"}, {2, "heavy silent patient recent"}, {9, "heavy silent patient recent young"}, {9, "heavy silent patient recent young"}} {
		d.Shed(tc.want)
		if got := strings.Join(gone(), " "); got != tc.gone {
			t.Errorf("after %d: %s, want %s", i, got, tc.gone)
		}
	}
}

// TestNobodyWaits: without anything to close a newcomer is turned away at once, which is said once.
func TestNobodyWaits(t *testing.T) {
	d := newDoor(t, AdmissionOptions{Connections: 10, PerNetwork: 1000})
	all := d.comeMany(10, "192.0.2.%d")
	for _, c := range all {
		c.Busy()
	}
	for range 5 {
		if d.come("198.51.100.1") != nil {
			t.Error("admitted without room")
		}
	}
	if n := strings.Count(d.log.String(), "limits.connections"); n != 1 {
		t.Errorf("said %d times: %s", n, d.log.String())
	}
	for _, c := range all[:5] {
		_ = c.Close()
		_ = c.Close() // a place is given back once
	}
	if !strings.Contains(d.log.String(), "room for client connections again") {
		t.Error("the end is not said")
	}
	if s := d.Stats(); s.Open != 5 || s.RefusedFull != 5 {
		t.Errorf("%+v", s)
	}
}

func TestMemoryPressure(t *testing.T) {
	var p float64
	d := newDoor(t, AdmissionOptions{Connections: 1000, Pressure: func() float64 { return p }})
	heavy := d.comeMany(200, "192.0.2.%d")
	light := d.comeMany(2, "198.51.100.%d")
	for _, c := range light {
		c.Busy()
	}
	p = 0.95
	ended, end := context.WithCancel(t.Context())
	end()
	d.Run(ended) // looks once
	if d.come("192.0.2.250") != nil {
		t.Error("a heavy network gets more")
	}
	if d.come("203.0.113.1") == nil || d.come("198.51.100.9") == nil {
		t.Error("a light network is turned away")
	}
	closed := 0
	for _, c := range heavy {
		if c.Shed() {
			closed++
		}
	}
	if closed == 0 {
		t.Error("idle connections stay")
	}
	m := NewMemory(1 << 30)
	m.look()
	if got := m.Pressure(); got <= 0 || got > 0.5 {
		t.Errorf("a small program fills %v of 1 GiB", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	none := NewMemory(0)
	none.Run(ctx)
	if none.Pressure() != 0 {
		t.Error("no ceiling, but pressure")
	}
	before := m.Pressure()
	ballast := make([]byte, 256<<20)
	debug.FreeOSMemory() // a collection: live memory is known again
	m.look()
	if m.Pressure() < before+0.2 {
		t.Errorf("256 MiB more of 1 GiB moved the pressure from %v to %v", before, m.Pressure())
	}
	ballast[0] = 1
}

// TestTableForgets: whatever comes and goes, the counts are those of the open connections, and nothing is left at the end.
func TestTableForgets(t *testing.T) {
	d := newDoor(t, AdmissionOptions{Connections: 1 << 20})
	var gone sync.WaitGroup
	for w := range 4 {
		gone.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(w)))
			var mine []*Conn
			for range 5000 {
				if len(mine) > 0 && r.IntN(2) == 0 {
					i := r.IntN(len(mine))
					_ = mine[i].Close()
					mine[i] = mine[len(mine)-1]
					mine = mine[:len(mine)-1]
					continue
				}
				at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(r.IntN(8)), byte(r.IntN(4))}), 1)
				c := &Conn{Conn: nothing{}, Raw: nothing{}, Client: Client{Addr: at}}
				if !d.enter(c) || !d.place(c) {
					t.Error("not admitted")
				}
				if r.IntN(4) == 0 {
					c.Busy()
				}
				if r.IntN(500) == 0 {
					d.Shed(3)
				}
				mine = append(mine, c)
			}
			for _, c := range mine {
				_ = c.Close()
			}
		})
	}
	gone.Wait()
	if s := d.Stats(); s.Open != 0 || s.Networks != 0 || s.Shed == 0 {
		t.Errorf("%+v", s)
	}
	for i := range d.table.shards {
		if s := &d.table.shards[i]; len(s.networks)+len(s.hosts) != 0 {
			t.Errorf("shard %d keeps %d networks and %d addresses", i, len(s.networks), len(s.hosts))
		}
	}
}

// nothing is a socket that does nothing.
type nothing struct{ net.Conn }

// Close implements net.Conn.
func (nothing) Close() error { return nil }

// TestTrustedPeersCountForTheirClients: behind a load balancer connections count for the client it names.
func TestTrustedPeersCountForTheirClients(t *testing.T) {
	a := NewAdmission(AdmissionOptions{Connections: 3, PerAddress: 1, Now: time.Now, Log: slog.New(slog.DiscardHandler), Refuse: func(addr netip.Addr, _ string) bool {
		return addr == netip.MustParseAddr("192.0.2.66")
	}})
	s := newStation(t, Options{Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Admission: a})
	for i, tc := range []struct {
		from string
		in   bool
	}{{"192.0.2.1", true}, {"192.0.2.66", false}, {"192.0.2.2", true}, {"192.0.2.1", false}, {"192.0.2.3", true}} {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = fmt.Fprintf(c, "PROXY TCP4 %s 127.0.0.1 1234 80\r\nhello", tc.from)
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
		got := make([]byte, 2)
		_, err = io.ReadFull(c, got)
		o := s.next()
		if (err == nil) != tc.in || (o.err == nil) != tc.in {
			t.Fatalf("%d: client %v, server %v", i, err, o.err)
		}
		if tc.in && (o.conn.Client.Addr.String() != tc.from+":1234" || string(o.conn.Early) != "hello") {
			t.Errorf("%d: %+v, %q", i, o.conn.Client, o.conn.Early)
		}
		if !tc.in {
			wantErr(t, o.err, ErrRefused)
		} else {
			o.conn.Busy()
		}
	}
}

func TestConnectionsFor(t *testing.T) {
	for _, tc := range []struct {
		want    int
		limit   uint64
		allowed int
		noted   bool
	}{{20_000, 1 << 20, 20_000, false}, {20_000, 65_536, 20_000, false}, {20_000, 1024, 256, true}, {20_000, 100, 1, true}, {200, 1024, 200, false}} {
		got, note := ConnectionsFor(tc.want, tc.limit)
		if got != tc.allowed || (note != "") != tc.noted {
			t.Errorf("%d under %d: %d, %q", tc.want, tc.limit, got, note)
		}
	}
	limit, err := DescriptorLimit()
	if err != nil || limit < 64 {
		t.Errorf("%d, %v", limit, err)
	}
}

func BenchmarkAdmission(b *testing.B) {
	a := NewAdmission(AdmissionOptions{Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	addrs := make([]netip.AddrPort, 4096)
	for i := range addrs {
		addrs[i] = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 6), byte(i), 1}), 1)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		c := Conn{Conn: nothing{}, Raw: nothing{}, Client: Client{Addr: addrs[i&4095]}}
		i++
		a.enter(&c)
		a.place(&c)
		c.Busy()
		c.Idle()
		_ = c.Close()
	}
}

// BenchmarkFullHouse is a newcomer when all 20,000 connections are idle, each of a network of its own.
func BenchmarkFullHouse(b *testing.B) {
	a := NewAdmission(AdmissionOptions{Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	i := 0
	for b.Loop() {
		i++
		c := &Conn{Conn: nothing{}, Raw: nothing{}, Client: Client{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(i >> 16), byte(i >> 8), byte(i), 1}), 1)}}
		if !a.enter(c) || !a.place(c) {
			b.Fatal("not admitted")
		}
	}
}
