package config

import "time"

const (
	defaultListen = "127.0.0.1:8080"
	defaultAdmin  = "127.0.0.1:9901"
	defaultSite   = DefaultSiteName
)

// DefaultSiteName is the name of the site that nobody named.
const DefaultSiteName = "default"

// Default returns what holds where neither file nor flag says otherwise: loopback only, storage in ./data, and no
// site, since no upstream can be guessed.
func Default() Config {
	return Config{
		Node:    "node-1",
		Listen:  []Listener{{Address: defaultListen}},
		Admin:   Admin{Address: defaultAdmin},
		Storage: Storage{Engine: "sqlite", Path: "./data"},
		Archive: Storage{Engine: "sqlite", Path: "./data"},
		Limits: Limits{
			Connections:           20_000, // two descriptors each at worst, within a common 65,536 limit
			ConnectionsPerNetwork: 512,    // an office or a carrier's gateway has fewer to one API
			Handshakes:            1024,   // a core does about 2,000 to 5,000 a second, so half a second of work for one
			StreamsPerConnection:  128,    // RFC 9113 section 6.5.2 asks for 100 or more; nginx has 128
			UpstreamConnections:   256,
			UpstreamInUse:         4096,
			HeadBytes:             32 << 10, // nginx takes 4 buffers of 8 KiB, HAProxy 16 KiB less reserve
			HeaderFields:          100,      // HAProxy 101, Apache 100: what passes there passes here
			TargetBytes:           8 << 10,
			BodyBytes:             0,
			BodyBytesPerSecond:    240, // Kestrel's rate; a modem of 1990 is faster
			// A request body up to this size is held until it is judged, on each connection that sends one.
			InspectRequestBytes:  128 << 10,
			InspectResponseBytes: 128 << 10,
			MemoryBytes:          0,
			QueueEvents:          16_384, // most of a second at 20,000 requests a second, and about 80 MB when full
		},
		Timeouts: Timeouts{
			Handshake: 10 * time.Second,
			Head:      10 * time.Second,
			Body:      30 * time.Second,
			Idle:      75 * time.Second, // longer than the 60 s at which common load balancers drop theirs
			Connect:   5 * time.Second,
			Response:  60 * time.Second,
			Drain:     15 * time.Second,
		},
		Retention: Retention{
			JournalBytes: 1 << 30,
			JournalAge:   7 * 24 * time.Hour,
			EventRows:    200_000,
		},
		Logs:   Logs{Level: "info", Format: "auto"},
		Reload: Reload{Watch: true, Quiet: 500 * time.Millisecond},
	}
}

// DefaultSite returns the index of the site that takes hosts no site names, or -1 when unknown hosts are refused.
func (c Config) DefaultSite() int {
	for i, s := range c.Sites {
		if s.Default != nil && *s.Default {
			return i
		}
	}
	if len(c.Sites) > 0 && c.Sites[0].Default == nil {
		return 0
	}
	return -1
}
