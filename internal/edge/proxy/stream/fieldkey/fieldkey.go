// Package fieldkey gives the fields of answers the keys under which net/http writes them.
package fieldkey

import (
	"bytes"
	"maps"
	"net/http"
	"sync"
	"sync/atomic"

	"merlon/internal/model/exchange"
)

// Keys keeps the field names that upstreams use as strings, so that passing an answer on makes no new ones. It is bounded,
// as an upstream may make names up. It is safe for concurrent use; the zero value is empty.
type Keys struct {
	m  atomic.Pointer[map[string]string]
	mu sync.Mutex
}

// maxNames and maxNameBytes bound what is kept.
const (
	maxNames     = 512
	maxNameBytes = 64
)

// Of is the key of a field in a http.Header. net/http looks for those that frame and describe the message by their canonical
// spelling, and writes all of them in lower case.
func (k *Keys) Of(f *exchange.Field) string {
	if m := k.m.Load(); m != nil {
		if s, ok := (*m)[string(f.Name)]; ok {
			return s
		}
	}
	s := string(bytes.ToLower(f.Name))
	if f.ID != exchange.HeaderOther {
		s = http.CanonicalHeaderKey(s)
	}
	k.keep(string(f.Name), s)
	return s
}

func (k *Keys) keep(name, key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var old map[string]string
	if m := k.m.Load(); m != nil {
		old = *m
	}
	if len(old) >= maxNames || len(name) > maxNameBytes {
		return
	}
	grown := maps.Clone(old)
	if grown == nil {
		grown = make(map[string]string)
	}
	grown[name] = key
	k.m.Store(&grown)
}
