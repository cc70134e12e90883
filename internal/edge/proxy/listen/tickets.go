package listen

import (
	"crypto/rand"
	"crypto/tls"
	"slices"
	"sync"
	"time"
)

// Session ticket keys open what was said in TLS 1.2 sessions, and let a holder of a TLS 1.3 ticket in without a
// certificate check, so they are short-lived and never written down. Clients use tickets within a day or so.
const (
	// ticketLife is how long new tickets are made with one key.
	ticketLife = 12 * time.Hour
	// ticketsKept is how many keys are accepted, the one in use included: a ticket is good for 24 to 36 hours.
	ticketsKept = 3
)

// tickets are the session ticket keys of one listener, newest first. They do not change with its certificates.
type tickets struct {
	mu     sync.Mutex
	keys   [][32]byte
	config *tls.Config // the one that takes the keys now
}

// rotate begins a new key and forgets the oldest. A key handed in, such as one that all nodes share, is used as it is.
func (t *tickets) rotate(key [32]byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.keys = slices.Insert(t.keys, 0, key)
	t.keys = t.keys[:min(len(t.keys), ticketsKept)]
	if t.config != nil {
		t.config.SetSessionTicketKeys(t.keys)
	}
}

// serve lets c use the keys; forget makes tickets of before worthless, because they were given under other conditions.
func (t *tickets) serve(c *tls.Config, forget bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if forget {
		t.keys = [][32]byte{newTicketKey()}
	}
	t.config = c
	c.SetSessionTicketKeys(t.keys)
}

// newTicketKey is random; crypto/rand does not fail.
func newTicketKey() (key [32]byte) {
	_, _ = rand.Read(key[:])
	return key
}
