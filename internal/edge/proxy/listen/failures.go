package listen

import (
	"net/netip"
	"sync"
	"time"
)

// failuresSuspect is how many failed handshakes in a minute make a network wait behind others when there is a queue.
// failuresLogged is how many are worth a line in the log.
const (
	failuresSuspect = 20
	failuresLogged  = 100
)

// failures counts the failed handshakes of each network in the current minute. Memory is fixed: a network has four places
// where it may stand, and takes the one with the fewest, so that those that fail most are known, and counted too low
// rather than too high.
type failures struct {
	mu   sync.Mutex
	sets [256][4]failing
}

type failing struct {
	net    uint64
	minute int64
	count  uint32
}

// note counts one failure and returns how many there were in this minute.
func (f *failures) note(net uint64, minute int64) uint32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	set := &f.sets[net*0x9e3779b97f4a7c15>>56]
	least := &set[0]
	for i := range set {
		e := &set[i]
		if e.minute != minute {
			*e = failing{minute: minute}
		}
		if e.net == net && e.count > 0 {
			e.count++
			return e.count
		}
		if e.count < least.count {
			least = e
		}
	}
	*least = failing{net, minute, 1}
	return 1
}

// failed is how many handshakes of a network failed in this minute.
func (f *failures) failed(net uint64, minute int64) uint32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range f.sets[net*0x9e3779b97f4a7c15>>56] {
		if e.net == net && e.minute == minute {
			return e.count
		}
	}
	return 0
}

func (a *Admission) minute() int64 { return a.o.Now().Unix() / 60 }

// noDeadline lifts a deadline.
var noDeadline time.Time

// handshakeFailed counts, and says in the log why a client's certificate was refused, or that a network fails often: a client
// that does not trust the certificate, or a flood.
func (a *Admission) handshakeFailed(net uint64, addr netip.Addr, err error) {
	often := a.handshakes.note(net, a.minute()) >= failuresLogged
	if why, with := certificateFault(err); why != reasonNone {
		a.note(addr, why, with...)
	} else if often {
		a.note(addr, reasonHandshakes, "failed_this_minute", failuresLogged, "last_error", cut(err.Error()))
	}
}
