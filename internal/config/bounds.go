package config

import (
	"strconv"
	"time"
)

// span is a number with the bounds between which it can work and be meant.
type span struct {
	key           string
	value, lo, hi int64
	show          func(int64) string
}

func count(n int64) string { return strconv.FormatInt(n, 10) }
func size(n int64) string  { return Bytes(n).String() }
func pause(n int64) string { return formatDuration(time.Duration(n)) }

func (k *checker) spans(list []span) {
	for _, s := range list {
		if s.value < s.lo || s.value > s.hi {
			k.add(s.key, "", "%s is not between %s and %s", s.show(s.value), s.show(s.lo), s.show(s.hi))
		}
	}
}

// bounds checks that every number stands between what can work and what can be meant.
func (k *checker) bounds(c Config) {
	l, t, r := c.Limits, c.Timeouts, c.Retention
	k.spans([]span{
		{"limits.connections", int64(l.Connections), 1, 1_000_000, count},
		{"limits.connections_per_network", int64(l.ConnectionsPerNetwork), 1, 1_000_000, count},
		{"limits.handshakes", int64(l.Handshakes), 1, 1_000_000, count},
		{"limits.streams_per_connection", int64(l.StreamsPerConnection), 1, 65_535, count},
		{"limits.upstream_in_use", int64(l.UpstreamInUse), 1, 1_000_000, count},
		{"limits.upstream_connections", int64(l.UpstreamConnections), 1, 65_535, count},
		{"limits.head_bytes", int64(l.HeadBytes), 4 << 10, 1 << 20, size},
		{"limits.header_fields", int64(l.HeaderFields), 16, 255, count}, // the codec indexes fields by one byte,
		{"limits.target_bytes", int64(l.TargetBytes), 1 << 10, int64(l.HeadBytes), size},
		{"limits.body_bytes", int64(l.BodyBytes), 0, 1 << 50, size},
		{"limits.inspect_request_bytes", int64(l.InspectRequestBytes), 1 << 10, 64 << 20, size},
		{"limits.inspect_response_bytes", int64(l.InspectResponseBytes), 1 << 10, 64 << 20, size},
		{"limits.queue_events", int64(l.QueueEvents), 64, 1 << 22, count},
		{"limits.body_bytes_per_second", int64(l.BodyBytesPerSecond), 0, 1 << 30, size},
		{"timeouts.handshake", int64(t.Handshake), int64(100 * time.Millisecond), int64(10 * time.Minute), pause},
		{"timeouts.head", int64(t.Head), int64(100 * time.Millisecond), int64(10 * time.Minute), pause},
		{"timeouts.body", int64(t.Body), int64(100 * time.Millisecond), int64(24 * time.Hour), pause},
		{"timeouts.idle", int64(t.Idle), int64(100 * time.Millisecond), int64(24 * time.Hour), pause},
		{"timeouts.connect", int64(t.Connect), int64(10 * time.Millisecond), int64(10 * time.Minute), pause},
		{"timeouts.response", int64(t.Response), int64(100 * time.Millisecond), int64(24 * time.Hour), pause},
		{"timeouts.drain", int64(t.Drain), int64(100 * time.Millisecond), int64(time.Hour), pause},
		{"retention.journal_bytes", int64(r.JournalBytes), 16 << 20, 1 << 50, size},
		{"retention.journal_age", int64(r.JournalAge), int64(time.Hour), int64(3660 * 24 * time.Hour), pause},
		{"reload.quiet", int64(c.Reload.Quiet), int64(10 * time.Millisecond), int64(time.Hour), pause},
		{"retention.event_rows", int64(r.EventRows), 1000, 1_000_000_000, count},
	})
	if m := int64(l.MemoryBytes); m != 0 {
		k.spans([]span{{"limits.memory_bytes", m, 128 << 20, 1 << 50, size}})
	}
}
