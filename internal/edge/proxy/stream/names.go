package stream

import (
	"bytes"
	"maps"
	"net/http"
	"sync"
	"sync/atomic"

	"merlon/internal/model/exchange"
)

// names keeps the field names that upstreams use as strings, so that passing an answer on makes no new ones. It is bounded,
// as an upstream may make names up.
type names struct {
	m  atomic.Pointer[map[string]string]
	mu sync.Mutex
}

// maxNames and maxNameBytes bound what is kept.
const (
	maxNames     = 512
	maxNameBytes = 64
)

// key is the key of a field in a http.Header. net/http looks for those that frame and describe the message by their canonical
// spelling, and writes all of them in lower case.
func (n *names) key(f *exchange.Field) string {
	if s, ok := (*n.m.Load())[string(f.Name)]; ok {
		return s
	}
	s := string(bytes.ToLower(f.Name))
	if f.ID != exchange.HeaderOther {
		s = http.CanonicalHeaderKey(s)
	}
	n.keep(string(f.Name), s)
	return s
}

func (n *names) keep(name, key string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	old := *n.m.Load()
	if len(old) >= maxNames || len(name) > maxNameBytes {
		return
	}
	grown := maps.Clone(old)
	if grown == nil {
		grown = make(map[string]string)
	}
	grown[name] = key
	n.m.Store(&grown)
}
