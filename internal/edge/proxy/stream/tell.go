package stream

import (
	"net/netip"
	"sync"

	"merlon/internal/model/identity"
)

// told is what the log was told of networks whose connections had to be closed: whoever connects could fill it.
type told struct {
	mu       sync.Mutex
	minute   int64
	networks map[uint64]int // how often each was closed in this minute
	left     int            // of networks beyond those
}

// maxTold is of how many networks a minute's lines are.
const maxTold = 64

// count reports whether the network is new in this minute, and how many lines were left out of the one before.
func (t *told) count(network uint64, minute int64) (first bool, left int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.minute != minute || t.networks == nil {
		for _, n := range t.networks {
			left += n - 1
		}
		left += t.left
		t.minute, t.networks, t.left = minute, make(map[uint64]int), 0
	}
	if n := t.networks[network]; n == 0 && len(t.networks) == maxTold {
		t.left++
		return false, 0
	} else if t.networks[network] = n + 1; n > 0 {
		return false, 0
	}
	return true, left
}

// tell writes that a connection was closed for a flood, once a minute for each network.
func (s *Server) tell(addr netip.Addr, reason string) {
	const minute = 60e9
	if first, left := s.told.count(identity.NetworkID(addr), s.now()/minute); first {
		s.o.Log.Warn("an HTTP/2 connection was closed; further ones of its network are counted and not written for a minute",
			"network", identity.Network(addr), "reason", "a flood of "+reason, "left_out", left)
	}
}
