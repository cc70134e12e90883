package upstream

import (
	"time"

	"merlon/internal/edge/proxy/upstream/reach"
)

// ErrLocal says that this machine had nothing left to connect with: descriptors, ports, or memory of the kernel. It speaks
// against no server, and the caller gets a 503: a moment later somebody else's connection has ended.
var ErrLocal = reach.ErrLocal

// short counts a failure for want of our own, and says in the log, once a minute at most, what to do.
func (s *Server) short(cause error) {
	g := s.g
	n, now, last := g.shorts.Add(1), g.now(), g.shortAt.Load()
	if last != 0 && now-last < int64(time.Minute) || !g.shortAt.CompareAndSwap(last, now) {
		return
	}
	g.o.Log.Error("an upstream cannot be connected to for want of descriptors, ports or memory of this machine, and requests are answered 503: raise the limit of open files or the range of local ports (net.ipv4.ip_local_port_range), or lower limits.connections",
		"site", g.o.Site, "upstream", s.name(), "error", cause, "since_last", n-g.shortTold.Swap(n))
}
