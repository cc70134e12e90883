package config

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// wanted returns the mistakes that a *.bad.yml file announces in its first lines, one "# mistake: " each.
func wanted(src string) []string {
	var out []string
	for line := range strings.Lines(src) {
		if rest, ok := strings.CutPrefix(line, "# mistake: "); ok {
			out = append(out, strings.TrimSpace(rest))
		}
	}
	return out
}

func TestBadFiles(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.bad.yml")
	if len(files) < 40 {
		t.Fatalf("only %d bad files found", len(files))
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			src, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want := wanted(string(src))
			if len(want) == 0 {
				t.Fatal("the file announces no mistake")
			}
			_, mistakes := Load(path, os.ReadFile)
			var got []string
			for _, m := range mistakes {
				got = append(got, strings.TrimPrefix(strings.TrimPrefix(m.String(), path+":"), " "))
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("mistakes (-want +got):\n%s", d)
			}
		})
	}
}

func TestGoodFiles(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.good.yml")
	if len(files) < 4 {
		t.Fatalf("only %d good files found", len(files))
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			if _, mistakes := Load(path, os.ReadFile); len(mistakes) > 0 {
				t.Errorf("mistakes in a good file: %v", mistakes)
			}
		})
	}
}

func TestFullFileDecodesEveryValue(t *testing.T) {
	got, mistakes := Load("testdata/full.good.yml", os.ReadFile)
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	yes, no := true, false
	want := Config{
		Node: "edge-1",
		Listen: []Listener{
			{Address: ":8080", ProxyProtocol: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}},
			{Address: "[::1]:8081", H2C: true},
			{Address: ":8443", HTTP2: &yes, HTTP3: true, TLS: &TLS{
				Certificate: "testdata/cert.pem", Key: "testdata/key.pem", OCSP: "testdata/staple.der",
				Certificates: []Certificate{{Certificate: "/etc/b.pem", Key: "testdata/b.key", OCSP: "testdata/b.der"}},
				ClientCA:     "testdata/ca.pem", ClientAuth: "request", MinVersion: "1.3",
			}},
		},
		Refuse: Refuse{Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, JA4: []string{"t13d1516h2_8daaf6152771_02713d6af862"}},
		Decide: Door{Address: "127.0.0.1:9902", Site: "acme"},
		Mirror: Door{Address: "10.0.0.1:9903", From: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
		OTLP:   OTLP{Address: "127.0.0.1:4318", TokenFile: "testdata/otlp.token"},
		Admin:  Admin{Address: "0.0.0.0:9901", Hosts: []string{"merlon.acme.example"}, AllowInsecure: true, OpenMetrics: true},
		Sites: []Site{
			{
				Name: "acme", Hosts: []string{"api.acme.example", "*.acme.example", "192.0.2.1"}, Default: &no,
				Upstreams: []Upstream{{URL: "http://10.1.0.1:9000", Weight: 1}, {
					URL: "https://backend_1:9443/", Weight: 3, CA: "testdata/up.pem", Certificate: "testdata/c.pem", Key: "testdata/c.key",
					ServerName: "backend.example", MaxConnections: 7,
				}},
				Balance: "hash", Retries: Retries{Budget: 0.1, Attempts: 3},
				Health: Health{"/healthz", time.Second, 500 * time.Millisecond, 1, 2, StatusRange{200, 200}},
				Specs:  []string{"testdata/acme-openapi.yaml", "/etc/merlon/billing.json"}, Policy: "testdata/acme-policy.yaml", TrustedHops: 1,
			},
			{
				Name: "legacy", Default: &yes, Upstreams: []Upstream{{URL: "http://legacy", Weight: 1}, {URL: "unix:/run/app.sock", Weight: 1}, {URL: "h2c://10.0.0.9:50051", Weight: 1}},
				Balance: "least-requests", Retries: Retries{Budget: 0.2, Attempts: 2},
				Health: Health{"/", 5 * time.Second, 2 * time.Second, 2, 3, StatusRange{200, 399}},
			},
		},
		Storage: Storage{Engine: "sqlite", Path: "/var/lib/merlon"},
		Archive: Storage{Engine: "sqlite", Path: "testdata/archive"},
		Limits: Limits{
			Connections: 1000, ConnectionsPerNetwork: 9, Handshakes: 10, StreamsPerConnection: 100, UpstreamConnections: 8, UpstreamInUse: 11,
			BodyBytesPerSecond: 1 << 10, MemoryBytes: 1 << 30, HeadBytes: 16 << 10, HeaderFields: 64, TargetBytes: 4096,
			BodyBytes: 10 << 20, InspectRequestBytes: 256 << 10, InspectResponseBytes: 64 << 10, QueueEvents: 1024,
		},
		Timeouts: Timeouts{
			Handshake: 3 * time.Second, Head: 5 * time.Second, Body: 30 * time.Second, Idle: time.Minute, Connect: 500 * time.Millisecond,
			Response: 150 * time.Second, Drain: time.Second,
		},
		Retention: Retention{JournalBytes: 64 << 20, JournalAge: 30 * 24 * time.Hour, EventRows: 5000},
		Logs:      Logs{Level: "debug", Format: "json"},
		Reload:    Reload{Quiet: time.Second},
	}
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if got.DefaultSite() != 1 {
		t.Errorf("default site is %d, want 1", got.DefaultSite())
	}
}

func TestDefaultSite(t *testing.T) {
	yes, no := true, false
	for _, c := range []struct {
		name  string
		sites []Site
		want  int
	}{
		{"none", nil, -1},
		{"first by itself", []Site{{}, {}}, 0},
		{"first refuses", []Site{{Default: &no}, {}}, -1},
		{"second says so", []Site{{}, {Default: &yes}}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := (Config{Sites: c.sites}).DefaultSite(); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func TestStoragePathIsRelativeToWhatNamedIt(t *testing.T) {
	for _, c := range []struct{ name, src, storage, archive string }{
		{"default", "node: a", "./data", "./data"},
		{"file", "storage: sqlite:./data", "/etc/merlon/data", "/etc/merlon/data"},
		{"absolute", "storage: sqlite:/srv/m", "/srv/m", "/srv/m"},
		{"archive apart", "archive: sqlite:old", "./data", "/etc/merlon/old"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, mistakes := Load("/etc/merlon/merlon.yaml", func(string) ([]byte, error) { return []byte(c.src), nil })
			if len(mistakes) > 0 || got.Storage.Path != c.storage || got.Archive.Path != c.archive {
				t.Errorf("storage %q archive %q mistakes %v", got.Storage.Path, got.Archive.Path, mistakes)
			}
		})
	}
}

func TestLoadWithoutAFile(t *testing.T) {
	got, mistakes := Load("", nil)
	if len(mistakes) > 0 || !reflect.DeepEqual(got, Default()) {
		t.Errorf("got %v %v", got, mistakes)
	}
	_, mistakes = Load("gone.yaml", func(string) ([]byte, error) { return nil, errors.New("no such file") })
	if len(mistakes) != 1 || mistakes[0].String() != "gone.yaml: cannot be read: no such file" {
		t.Errorf("got %v", mistakes)
	}
}

func TestHostileFiles(t *testing.T) {
	bomb := "node: a\nlisten: &l0 [{address: ':1'}]\n"
	for _, l := range []string{"archive", "nats", "counters"} { // aliases of aliases under unknown shapes
		bomb += l + ": &" + l + " [*l0, *l0, *l0, *l0]\n"
	}
	for _, c := range []struct{ name, src, want string }{
		{"too large", strings.Repeat("#", maxFile+1), "larger than 1MiB"},
		{"flow depth", "node: " + strings.Repeat("[", 200_000), "nested deeper"},
		{"entries on a line", strings.Repeat("- ", 200_000), "nested deeper"},
		{"explicit keys on a line", strings.Repeat("? ", 200_000), "nested deeper"},
		{"maps on a line", strings.Repeat("{a: ", 200_000), "nested deeper"},
		{"block depth", blockDepth(200), "unknown key"},
		{"aliases", bomb, "expected one value"},
		{"control bytes in a key", "\"\\x1b[31m\": 1\n", `"\x1b[31m": unknown key`},
		{"not text", "\xff\xfe\x00", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, mistakes := Load("x.yaml", func(string) ([]byte, error) { return []byte(c.src), nil })
			if len(mistakes) == 0 || len(mistakes) > maxMistakes {
				t.Fatalf("%d mistakes", len(mistakes))
			}
			if !strings.Contains(mistakes[0].String(), c.want) {
				t.Errorf("got %s, want %q in it", mistakes[0], c.want)
			}
		})
	}
}

func blockDepth(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func TestApply(t *testing.T) {
	file := func(src string) Config {
		c, mistakes := Load("m.yaml", func(string) ([]byte, error) { return []byte(src), nil })
		if len(mistakes) > 0 {
			t.Fatal(mistakes)
		}
		return c
	}
	const one = "sites: [{name: a, upstreams: [{url: 'http://old'}], policy: p.yaml}]"
	const two = "sites: [{name: a, upstreams: [{url: 'http://h'}]}, {name: b, hosts: [b.example], upstreams: [{url: 'http://h'}]}]"
	for _, c := range []struct {
		name string
		file string
		f    Flags
		want []string
		good func(Config) bool
	}{
		{"nothing", "", Flags{}, []string{"command line: nothing to protect (give --upstream http://host:port, or a file with sites by -c)"}, nil},
		{"upstream alone", "", Flags{Upstream: "http://127.0.0.1:3000"}, nil, func(c Config) bool {
			return len(c.Sites) == 1 && c.Sites[0].Name == "default" && c.DefaultSite() == 0 && c.Listen[0].Address == "127.0.0.1:8080"
		}},
		{"flags win", one, Flags{Upstream: "http://new:1", Specs: []string{"s.json"}, Policy: "q.yaml", Listen: ":9", Admin: "[::1]:8", Data: "d"}, nil, func(c Config) bool {
			s := c.Sites[0]
			return s.Upstreams[0].URL == "http://new:1" && s.Specs[0] == "s.json" && s.Policy == "q.yaml" && s.Name == "a" &&
				c.Listen[0].Address == ":9" && c.Admin.Address == "[::1]:8" && c.Storage.Path == "d" && c.Archive.Path == "d"
		}},
		{"which site", two, Flags{Upstream: "http://h2", Policy: "p"}, []string{
			"command line: --upstream: there are several sites, and the flag does not say which (write it into the file)",
			"command line: --policy: there are several sites, and the flag does not say which (write it into the file)",
		}, nil},
		{"bad upstream", "", Flags{Upstream: "localhost:3000"}, []string{
			`command line: sites[0].upstreams[0].url: "localhost:3000" is not a URL (write http://host:port)`,
		}, nil},
		{"open admin", one, Flags{Admin: ":9901"}, []string{
			`command line: admin.address: ":9901" is reachable from other machines and has no TLS (use 127.0.0.1, or set admin.allow_insecure: true when something before it speaks TLS)`,
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := file(c.file)
			got, mistakes := before.Apply(c.f)
			var text []string
			for _, m := range mistakes {
				text = append(text, m.String())
			}
			if d := cmp.Diff(c.want, text); d != "" {
				t.Fatalf("(-want +got):\n%s", d)
			}
			if c.good != nil && !c.good(got) {
				t.Errorf("got %+v", got)
			}
			if d := cmp.Diff(file(c.file).Sites, before.Sites); d != "" {
				t.Errorf("Apply changed what it was called on:\n%s", d)
			}
		})
	}
}

func TestFormatDuration(t *testing.T) {
	for _, s := range []string{"0s", "100ms", "10s", "1m", "2m30s", "1h", "1h30m", "2d", "25h"} {
		d, err := parseDuration(s)
		if got := formatDuration(d); err != nil || got != s {
			t.Errorf("%s comes back as %s, %v", s, got, err)
		}
	}
}

func TestBytesString(t *testing.T) {
	for in, want := range map[Bytes]string{0: "0", 1: "1", 1024: "1KiB", 1536: "1536", 1 << 20: "1MiB", 3 << 30: "3GiB", 5 << 50: "5120TiB"} {
		if got := in.String(); got != want {
			t.Errorf("%d: got %s, want %s", int64(in), got, want)
		}
		var back Bytes
		if err := back.UnmarshalText([]byte(want)); err != nil || back != in {
			t.Errorf("%s reads back as %d, %v", want, int64(back), err)
		}
	}
}

func FuzzLoad(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.yml")
	for _, path := range files {
		src, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		c, mistakes := Load("f.yaml", func(string) ([]byte, error) { return src, nil })
		for _, m := range mistakes {
			if s := m.String(); strings.ContainsAny(s, "\x1b\n\x00") {
				t.Errorf("a mistake would write control bytes to a terminal: %q", s)
			}
		}
		if len(mistakes) == 0 && len(c.Listen) == 0 {
			t.Error("accepted without a listener")
		}
	})
}
