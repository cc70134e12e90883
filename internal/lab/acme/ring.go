package acme

// ring is a map of bounded size that forgets the oldest key first.
type ring[V any] struct {
	m     map[string]V
	order []string
	next  int
}

func newRing[V any](size int) *ring[V] {
	return &ring[V]{m: map[string]V{}, order: make([]string, size)}
}

func (r *ring[V]) put(k string, v V) {
	if _, ok := r.m[k]; !ok {
		delete(r.m, r.order[r.next])
		r.order[r.next] = k
		r.next = (r.next + 1) % len(r.order)
	}
	r.m[k] = v
}

func (r *ring[V]) find(k string) (V, bool) {
	v, ok := r.m[k]
	return v, ok
}

// drop forgets k; its place in the order stays until it comes round.
func (r *ring[V]) drop(k string) { delete(r.m, k) }
