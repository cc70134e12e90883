package geo

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"
)

func open(t testing.TB) *Table {
	t.Helper()
	table, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestLookupKnownAddresses(t *testing.T) {
	table := open(t)
	for _, c := range []struct {
		name, addr, country string
		asn                 uint32
	}{
		{"Google DNS", "8.8.8.8", "US", 15169},
		{"Cloudflare DNS", "1.1.1.1", "AU", 13335}, // registered with APNIC in Australia
		{"Quad9", "9.9.9.9", "US", 19281},
		{"Deutsche Telekom", "80.128.0.1", "DE", 3320},
		{"BBC", "212.58.244.20", "GB", 2818},
		{"Orange", "90.0.0.1", "FR", 3215},
		{"KDDI", "106.128.0.1", "JP", 2516},
		{"RIPE NCC", "193.0.6.139", "NL", 3333},
		{"Google DNS over IPv6", "2001:4860:4860::8888", "US", 15169},
		{"IPv4 in IPv6", "::ffff:8.8.8.8", "US", 15169},
		{"Hetzner IPv6", "2a01:4f8::1", "DE", 24940},
		{"Deutsche Telekom IPv6", "2003::1", "DE", 3320},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, ok := table.Lookup(netip.MustParseAddr(c.addr))
			if !ok || p.CountryCode() != c.country || p.ASN != c.asn {
				t.Errorf("%s: %s AS%d, want %s AS%d", c.addr, p.CountryCode(), p.ASN, c.country, c.asn)
			}
			if table.Organisation(p.ASN) == "" {
				t.Errorf("AS%d has no name", p.ASN)
			}
		})
	}
	if got := table.Organisation(15169); got != "Google" {
		t.Errorf("AS15169 is %q", got)
	}
	if got := table.Organisation(4200000001); got != "" {
		t.Errorf("a private ASN is %q", got)
	}
}

func TestLookupSpecialRangesAreEmpty(t *testing.T) {
	table := open(t)
	for _, s := range []string{
		"0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.0", "172.31.255.255",
		"192.0.2.1", "192.168.0.0", "192.168.255.255", "198.18.0.1", "198.51.100.7", "203.0.113.255", "224.0.0.1", "240.0.0.1", "255.255.255.255",
		"::", "::1", "fe80::1", "fc00::1", "fdff::1", "ff02::1", "2001:db8::1", "2002:808:808::1", "2001::1", "64:ff9b::808:808", "::ffff:10.0.0.1",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "1fff:ffff::", "4000::",
	} {
		if p, ok := table.Lookup(netip.MustParseAddr(s)); ok {
			t.Errorf("%s: %s AS%d, want nothing", s, p.CountryCode(), p.ASN)
		}
	}
	if _, ok := table.Lookup(netip.Addr{}); ok {
		t.Error("the zero address is nowhere")
	}
	if _, ok := table.Lookup(netip.MustParseAddr("fe80::1%eth0")); ok {
		t.Error("a zone changes nothing")
	}
}

func TestTableIsSound(t *testing.T) {
	table := open(t)
	if !slices.IsSorted(table.v4.starts) || !slices.IsSorted(table.v6.starts) || !slices.IsSorted(table.asns) {
		t.Error("not sorted")
	}
	for i, p := range table.places {
		if c := p.Country; c != [2]byte{} && (c[0] < 'A' || c[0] > 'Z' || c[1] < 'A' || c[1] > 'Z') {
			t.Errorf("place %d has country %q", i, c)
		}
	}
	if n := len(table.v4.starts); n < 500_000 {
		t.Errorf("%d IPv4 ranges", n)
	}
	if table.Date().Before(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("data of %s", table.Date())
	}
}

// The search through the index must find what a plain walk finds: at both sides of every boundary of a sample of ranges,
// at the edges of the index, and at random.
func TestLookupAgainstPlainSearch(t *testing.T) {
	table := open(t)
	r := rand.New(rand.NewPCG(1, 2))
	probe4 := func(x uint32) {
		i, ok := slices.BinarySearch(table.v4.starts, x)
		if !ok {
			i--
		}
		if got := table.v4.find(x); got != table.v4.values[i] {
			t.Fatalf("%08x: place %d, want %d", x, got, table.v4.values[i])
		}
	}
	probe6 := func(x uint64) {
		i, ok := slices.BinarySearch(table.v6.starts, x)
		if !ok {
			i--
		}
		if got := table.v6.find(x); got != table.v6.values[i] {
			t.Fatalf("%016x: place %d, want %d", x, got, table.v6.values[i])
		}
	}
	for range 200_000 {
		s := table.v4.starts[r.IntN(len(table.v4.starts))]
		probe4(s)
		probe4(s - 1)
		probe4(s + 1)
		probe4(r.Uint32())
		probe4(uint32(r.IntN(1<<16)) << 16)
		u := table.v6.starts[r.IntN(len(table.v6.starts))]
		probe6(u)
		probe6(u - 1)
		probe6(u + 1)
		probe6(r.Uint64())
		probe6(1<<61 | r.Uint64()>>3)
		probe6(1<<61 | uint64(r.IntN(1<<16))<<45)
	}
	for _, x := range []uint64{0, 1<<61 - 1, 1 << 61, 1<<62 - 1, 1 << 62, 1<<64 - 1} {
		probe6(x)
	}
	probe4(0)
	probe4(1<<32 - 1)
}

func TestMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	table := open(t)
	runtime.GC()
	runtime.ReadMemStats(&after)
	t.Logf("%d IPv4 and %d IPv6 ranges, %d places, %d organisations of %s: %.1f MB (heap grew by %.1f MB), %.1f MB embedded", len(table.v4.starts),
		len(table.v6.starts), len(table.places), len(table.asns), table.Date().Format(time.DateOnly), float64(table.Size())/1e6,
		(float64(after.HeapAlloc)-float64(before.HeapAlloc))/1e6, float64(len(packed))/1e6)
	if table.Size() > 15_000_000 || len(packed) > 8_000_000 {
		t.Errorf("%d bytes in memory, %d embedded: over the budget of 15 and 8 MB", table.Size(), len(packed))
	}
	runtime.KeepAlive(table)
}

// sample is a small file with everything in it, by hand.
func sample() []byte {
	b := append([]byte("MGEO"), 1)
	b = binary.AppendUvarint(b, 20000)
	b = append(b, 2, 0, 0, 'G', 'B', 0, 7)        // places: none, GB AS7
	b = append(b, 3, 0, 24, 24, 0, 1, 1)          // IPv4: 0, 1.0.0.0, 2.0.0.0
	b = append(b, 0, 1, 0)                        // none, GB, none
	b = append(b, 3, 0, 61, 45, 0, 1, 1)          // IPv6: ::, 2000::, 2000:2000::
	b = append(b, 0, 1, 0)                        //
	return append(b, 1, 7, 4, 'A', 'c', 'm', 'e') // AS7 is Acme
}

func TestDecode(t *testing.T) {
	table, err := decode(sample())
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]bool{"0.255.255.255": false, "1.0.0.0": true, "1.255.255.255": true, "2.0.0.0": false, "1fff::": false, "2000::": true, "2000:1fff::": true, "2000:2000::": false} {
		if p, ok := table.Lookup(netip.MustParseAddr(addr)); ok != want || ok && (p.ASN != 7 || p.CountryCode() != "GB") {
			t.Errorf("%s: %v %v", addr, p, ok)
		}
	}
	if table.Organisation(7) != "Acme" || table.Organisation(6) != "" || table.Organisation(8) != "" {
		t.Error("organisations")
	}
	for i := range sample() {
		if _, err := decode(sample()[:i]); !errors.Is(err, ErrFormat) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
	newer := sample()
	newer[4] = 2
	if _, err := decode(newer); !errors.Is(err, ErrFormat) {
		t.Errorf("a newer version must be refused: %v", err)
	}
	if _, err := decode(append(sample(), 0)); !errors.Is(err, ErrFormat) {
		t.Errorf("bytes behind the end: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(sample())
	f.Add([]byte("MGEO\x01"))
	f.Add(append([]byte("MGEO\x01\x00\xff\xff\x1f"), make([]byte, 64)...))
	f.Fuzz(func(t *testing.T, raw []byte) {
		table, err := decode(raw)
		if err != nil {
			if !errors.Is(err, ErrFormat) || table != nil {
				t.Fatal(err)
			}
			return
		}
		for _, a := range []string{"0.0.0.0", "1.2.3.4", "255.255.255.255", "::", "2001:db8::", "3fff::", "ffff::"} {
			p, _ := table.Lookup(netip.MustParseAddr(a))
			table.Organisation(p.ASN)
		}
	})
}

func BenchmarkLookup(b *testing.B) {
	table := open(b)
	r := rand.New(rand.NewPCG(1, 2))
	hot, cold4, cold6 := make([]netip.Addr, 64), make([]netip.Addr, 1<<16), make([]netip.Addr, 1<<16)
	for i := range cold4 {
		x := binary.BigEndian.AppendUint32(nil, r.Uint32())
		cold4[i] = netip.AddrFrom4([4]byte(x))
		y := binary.BigEndian.AppendUint64(nil, table.v6.starts[r.IntN(len(table.v6.starts))])
		cold6[i] = netip.AddrFrom16([16]byte(append(y, 0, 0, 0, 0, 0, 0, 0, 1)))
	}
	copy(hot, cold4)
	for _, c := range []struct {
		name  string
		addrs []netip.Addr
	}{{"64 IPv4", hot}, {"65536 IPv4", cold4}, {"64 IPv6", cold6[:64]}, {"65536 IPv6", cold6}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				table.Lookup(c.addrs[i&(len(c.addrs)-1)])
				i++
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		open(b)
	}
}
