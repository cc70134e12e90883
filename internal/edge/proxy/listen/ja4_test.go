package listen

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestJA4(t *testing.T) {
	hello := func(change func(*tls.ClientHelloInfo)) *tls.ClientHelloInfo {
		// The example of the specification: a Chrome with GREASE everywhere.
		h := &tls.ClientHelloInfo{
			CipherSuites: []uint16{0x8a8a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035},
			Extensions: []uint16{
				0xcaca, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b, 0xff01, 0x000b, 0x000a,
				0x5a5a, 0x0015,
			},
			SupportedVersions: []uint16{0xeaea, tls.VersionTLS13, tls.VersionTLS12},
			SupportedProtos:   []string{"h2", "http/1.1"},
			SignatureSchemes:  []tls.SignatureScheme{0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601},
		}
		if change != nil {
			change(h)
		}
		return h
	}
	many := func(n int) (list []uint16) {
		for i := range n {
			list = append(list, uint16(i+1))
		}
		return list
	}
	for _, tc := range []struct {
		name, want string
		change     func(*tls.ClientHelloInfo)
	}{
		{"the specification's example", "t13d1516h2_8daaf6152771_e5627efa2ab1", nil},
		{"order does not matter", "t13d1516h2_8daaf6152771_e5627efa2ab1", func(h *tls.ClientHelloInfo) {
			slices.Reverse(h.CipherSuites)
			slices.Reverse(h.Extensions)
		}},
		{"but the order of the schemes does", "t13d1516h2_8daaf6152771_", func(h *tls.ClientHelloInfo) { slices.Reverse(h.SignatureSchemes) }},
		{"without name", "t13i1515h2_8daaf6152771_e5627efa2ab1", func(h *tls.ClientHelloInfo) {
			h.Extensions = slices.DeleteFunc(h.Extensions, func(v uint16) bool { return v == 0 })
		}},
		{"without ALPN", "t13d151600_", func(h *tls.ClientHelloInfo) { h.SupportedProtos = nil }},
		{"one letter", "t13d1516hh_", func(h *tls.ClientHelloInfo) { h.SupportedProtos = []string{"h"} }},
		{"http/1.1", "t13d1516h1_", func(h *tls.ClientHelloInfo) { h.SupportedProtos = []string{"http/1.1"} }},
		{"protocol that is no text", "t13d1516ad_", func(h *tls.ClientHelloInfo) { h.SupportedProtos = []string{"\xab\xcd"} }},
		{"protocol that ends in no text", "t13d15163d_", func(h *tls.ClientHelloInfo) { h.SupportedProtos = []string{"0\xab\xcd"} }},
		{"no extensions", "t12i150000_8daaf6152771_000000000000", func(h *tls.ClientHelloInfo) {
			h.Extensions, h.SupportedProtos, h.SignatureSchemes, h.SupportedVersions = nil, nil, nil, []uint16{tls.VersionTLS12, tls.VersionTLS11}
		}},
		{"only name and ALPN", "t13d1502h2_8daaf6152771_000000000000", func(h *tls.ClientHelloInfo) { h.Extensions, h.SignatureSchemes = []uint16{0, 16}, nil }},
		{"no ciphers", "t13d0016h2_000000000000_e5627efa2ab1", func(h *tls.ClientHelloInfo) { h.CipherSuites = nil }},
		{"TLS 1.1", "t11d", func(h *tls.ClientHelloInfo) { h.SupportedVersions = []uint16{tls.VersionTLS11, tls.VersionTLS10} }},
		{"TLS 1.0", "t10d", func(h *tls.ClientHelloInfo) { h.SupportedVersions = []uint16{tls.VersionTLS10} }},
		{"SSL 3", "ts3d", func(h *tls.ClientHelloInfo) {
			h.SupportedVersions = nil
			h.Extensions = slices.DeleteFunc(h.Extensions, func(v uint16) bool { return v == extSupportedVersions })
		}},
		{"a version of the future", "t00d", func(h *tls.ClientHelloInfo) { h.SupportedVersions = []uint16{0x0305, tls.VersionTLS13} }},
		{"nothing but GREASE", "t00d", func(h *tls.ClientHelloInfo) { h.SupportedVersions = []uint16{0x0a0a} }},
		{"more than 99", "t13d9999h2_", func(h *tls.ClientHelloInfo) { h.CipherSuites, h.Extensions = many(150), append(many(150), 0) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := ja4(hello(tc.change))
			if !strings.HasPrefix(got, tc.want) || len(got) != 36 {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
	if ja4(hello(nil)) == ja4(hello(func(h *tls.ClientHelloInfo) { slices.Reverse(h.SignatureSchemes) })) {
		t.Error("the order of the signature schemes is lost")
	}
}

// FuzzJA4: whatever a hello lists, the fingerprint has its form and does not depend on GREASE or order.
func FuzzJA4(f *testing.F) {
	f.Add([]byte{0x13, 0x01, 0x0a, 0x0a}, []byte{0, 0, 0, 43}, []byte{3, 4}, []byte{4, 3}, "h2")
	f.Add(make([]byte, 4000), make([]byte, 4000), []byte{}, []byte{}, "\xff")
	form := regexp.MustCompile(`^t(1[0-3]|s3|00)[di]\d{4}[0-9A-Za-z]{2}_[0-9a-f]{12}_[0-9a-f]{12}$`)
	words := func(b []byte) (out []uint16) {
		for ; len(b) >= 2; b = b[2:] {
			out = append(out, binary.BigEndian.Uint16(b))
		}
		return out
	}
	f.Fuzz(func(t *testing.T, ciphers, extensions, versions, schemes []byte, protocol string) {
		h := &tls.ClientHelloInfo{CipherSuites: words(ciphers), Extensions: words(extensions), SupportedVersions: words(versions), SupportedProtos: []string{protocol}}
		for _, s := range words(schemes) {
			h.SignatureSchemes = append(h.SignatureSchemes, tls.SignatureScheme(s))
		}
		got := ja4(h)
		if !form.MatchString(got) {
			t.Fatalf("%q", got)
		}
		if max(len(h.CipherSuites), len(h.Extensions)) < ja4Values {
			slices.Reverse(h.CipherSuites)
			slices.Reverse(h.Extensions)
			h.CipherSuites, h.Extensions = append(h.CipherSuites, 0x3a3a), append(h.Extensions, 0xfafa)
			if again := ja4(h); again != got {
				t.Fatalf("%s became %s", got, again)
			}
		}
	})
}

func BenchmarkJA4(b *testing.B) {
	h := &tls.ClientHelloInfo{
		CipherSuites:      []uint16{0x8a8a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035},
		Extensions:        []uint16{0xcaca, 27, 0, 51, 16, 0x4469, 23, 45, 13, 5, 35, 18, 43, 0xff01, 11, 10, 0x5a5a, 21},
		SupportedVersions: []uint16{0xeaea, tls.VersionTLS13, tls.VersionTLS12}, SupportedProtos: []string{"h2", "http/1.1"},
		SignatureSchemes: []tls.SignatureScheme{0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601},
	}
	b.ReportAllocs()
	for b.Loop() {
		_ = ja4(h)
	}
}

// TestCapturedHellos replays every TLS ClientHello of the JA4 captures into a listener; what it calls them is what the
// authors of JA4 expect.
func TestCapturedHellos(t *testing.T) {
	root := os.Getenv("MERLON_EVAL_DATA")
	if root == "" {
		t.Skip("MERLON_EVAL_DATA is not set: the captured ClientHellos are not replayed")
	}
	s := ja4Station(t)
	files, err := filepath.Glob(filepath.Join(root, "ja4-pcaps", "expected", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	compared := 0
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var expected []map[string]any
		if err := json.Unmarshal(b, &expected); err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		hellos := clientHellos(t, filepath.Join(root, "ja4-pcaps", "pcap", name+".gz"))
		for _, e := range expected {
			key := stream{endpoint(t, e["src"], e["srcport"]), endpoint(t, e["dst"], e["dstport"])}
			var want []string
			for i := 1; e[fmt.Sprintf("JA4.%d", i)] != nil; i++ {
				want = append(want, e[fmt.Sprintf("JA4.%d", i)].(string))
			}
			if len(want) == 0 {
				continue
			}
			var got []string
			for _, h := range hellos[key] {
				got = append(got, s.replay(h))
			}
			delete(hellos, key)
			if !slices.Equal(got, want) {
				t.Errorf("%s, %v to %v: %v, want %v", name, key.from, key.to, got, want)
			}
			compared += len(want)
		}
		for key, list := range hellos {
			t.Errorf("%s, %v to %v: %d ClientHellos that are not expected", name, key.from, key.to, len(list))
		}
	}
	t.Logf("%d ClientHellos compared", compared)
	if compared < 100 {
		t.Errorf("only %d ClientHellos compared: the captures were not read", compared)
	}
}

func endpoint(t *testing.T, addr, port any) netip.AddrPort {
	t.Helper()
	a, err := netip.ParseAddrPort(net.JoinHostPort(fmt.Sprint(addr), fmt.Sprint(port)))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// teller is a listener that tells the fingerprint of every hello, also of those it does not come to terms with.
type teller struct {
	t    *testing.T
	addr string
	told chan string
	ca   *issuer
}

func ja4Station(t *testing.T) *teller {
	t.Helper()
	s := &teller{t: t, told: make(chan string, 1000), ca: newIssuer(t, "ca")}
	var f folder
	x := newTLS(t, &f, TLSOptions{HTTP2: true, Certificates: []CertificateFiles{f.certificate(t, s.ca, "a", lease{names: []string{"localhost"}})}})
	a := NewAdmission(AdmissionOptions{Now: time.Now, Log: slog.New(slog.DiscardHandler), Refuse: func(_ netip.Addr, ja4 string) bool {
		if ja4 != "" {
			s.told <- ja4
		}
		return false
	}})
	st := newStation(t, Options{TLS: x, Admission: a})
	s.addr = st.addr
	return s
}

// replay sends a ClientHello as it was captured and returns what it was called.
func (s *teller) replay(hello []byte) string {
	s.t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	_, _ = c.Write(hello)
	_ = c.(*net.TCPConn).CloseWrite()
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.Copy(io.Discard, c) // until the listener has given up: then it has told, or never will
	select {
	case ja4 := <-s.told:
		return ja4
	default:
		return "nothing"
	}
}

// TestRealClients: what real programs send gives the fingerprints that are known of them.
func TestRealClients(t *testing.T) {
	for _, tc := range []struct {
		name string
		// want is a part that does not depend on the program's version.
		want string
		args func(addr, dir string) []string
	}{
		{"openssl", `^t13i\d{4}00_`, func(addr, _ string) []string { return []string{"s_client", "-connect", addr, "-noservername"} }},
		{"openssl", `^t13d\d{4}h2_`, func(addr, _ string) []string {
			return []string{"s_client", "-connect", addr, "-servername", "localhost", "-alpn", "h2"}
		}},
		{"openssl", `^t12d\d{4}h1_`, func(addr, _ string) []string {
			return []string{"s_client", "-connect", addr, "-servername", "localhost", "-alpn", "http/1.1", "-tls1_2"}
		}},
		{"curl", `^t13i\d{4}h2_`, func(addr, _ string) []string { return []string{"-sk", "-m", "10", "https://" + addr + "/"} }},
		{"curl", `^t13i\d{4}h1_`, func(addr, _ string) []string {
			return []string{"-sk", "-m", "10", "--http1.1", "https://" + addr + "/"}
		}},
		// 8daaf6152771 is the hash of Chrome's ciphers.
		{"chromium", `^t13[di]15\d\dh2_8daaf6152771_`, func(addr, dir string) []string {
			return []string{"--headless", "--no-sandbox", "--disable-gpu", "--ignore-certificate-errors", "--user-data-dir=" + dir, "--dump-dom", "https://" + addr + "/"}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			program, err := exec.LookPath(tc.name)
			if err != nil {
				t.Skipf("%s is not installed: its handshake is not seen", tc.name)
			}
			dir, err := os.MkdirTemp("", "merlon")
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir) // what a stopped browser still writes is nobody's concern
			s := ja4Station(t)
			ctx, stop := context.WithTimeout(t.Context(), time.Minute)
			defer stop()
			cmd := exec.CommandContext(ctx, program, tc.args(s.addr, dir)...)
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a browser is many processes
			cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
			cmd.WaitDelay = 5 * time.Second
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			select {
			case got := <-s.told:
				if !regexp.MustCompile(tc.want).MatchString(got) {
					t.Errorf("%s, want %s", got, tc.want)
				}
				t.Log(got)
			case <-ctx.Done():
				t.Error("it did not connect")
			}
			stop()
			_ = cmd.Wait() // it was stopped
		})
	}
}
