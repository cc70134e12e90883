package estate

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
)

// Sorts are the orders of a list; all but id and template begin with the largest.
func Sorts() []string {
	return []string{"id", "template", "risk", "requests", "callers", "last_seen", "first_seen"}
}

// compare is an order by name, nil when there is none of that name. Equals stand by id.
func compare(order string) func(a, b *inventory.Endpoint) int {
	var by func(a, b *inventory.Endpoint) int
	switch order {
	case "", "id":
		by = func(*inventory.Endpoint, *inventory.Endpoint) int { return 0 }
	case "template":
		by = func(a, b *inventory.Endpoint) int {
			if c := cmp.Or(strings.Compare(a.Site, b.Site), strings.Compare(a.Host, b.Host)); c != 0 {
				return c
			}
			if c := comparePaths(a.Template, b.Template); c != 0 {
				return c
			}
			return strings.Compare(a.Method, b.Method)
		}
	case "risk":
		by = func(a, b *inventory.Endpoint) int {
			return cmp.Or(cmp.Compare(b.Risk.Score, a.Risk.Score), cmp.Compare(b.Requests, a.Requests))
		}
	case "requests":
		by = func(a, b *inventory.Endpoint) int { return cmp.Compare(b.Requests, a.Requests) }
	case "callers":
		by = func(a, b *inventory.Endpoint) int { return cmp.Compare(b.Callers, a.Callers) }
	case "last_seen":
		by = func(a, b *inventory.Endpoint) int { return b.LastSeen.Compare(a.LastSeen) }
	case "first_seen":
		by = func(a, b *inventory.Endpoint) int { return b.FirstSeen.Compare(a.FirstSeen) }
	default:
		return nil
	}
	return func(a, b *inventory.Endpoint) int {
		if c := by(a, b); c != 0 {
			return c
		}
		return cmp.Compare(a.ID, b.ID)
	}
}

// comparePaths orders paths so that each is followed by all below it: a slash comes before every other character.
func comparePaths(a, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] == b[i] {
			continue
		}
		switch {
		case a[i] == '/':
			return -1
		case b[i] == '/':
			return 1
		}
		return cmp.Compare(a[i], b[i])
	}
	return cmp.Compare(len(a), len(b))
}

// order is the rows in an order, made when first asked for. Checked names only.
func (x *Index) order(name string) []int32 {
	if name == "" {
		name = "id"
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if o, ok := x.orders[name]; ok {
		return o
	}
	o := x.guess(name)
	if name != "id" {
		x.sort(name, o)
	}
	x.orders[name] = o
	return o
}

// sort does what compare says, several times as fast: what decides most comparisons is laid out beside the row's number.
func (x *Index) sort(name string, o []int32) {
	type keyed struct {
		a, b uint64
		row  int32
	}
	all := make([]keyed, len(o))
	for i, row := range o {
		e := x.rows[row]
		k := keyed{row: row}
		switch name {
		case "template":
			k.a, k.b = uint64(x.dims[Site].codes[row]), uint64(x.dims[Host].codes[row])
		case "risk":
			k.a, k.b = ^math.Float64bits(max(0, e.Risk.Score)), ^e.Requests // of positive numbers the bits stand in order
		case "requests":
			k.a = ^e.Requests
		case "callers":
			k.a = ^e.Callers
		case "last_seen":
			k.a = latest(e.LastSeen)
		case "first_seen":
			k.a = latest(e.FirstSeen)
		}
		all[i] = k
	}
	paths := name == "template"
	slices.SortFunc(all, func(p, q keyed) int {
		switch {
		case p.a != q.a:
			return cmp.Compare(p.a, q.a)
		case p.b != q.b:
			return cmp.Compare(p.b, q.b)
		case paths:
			a, b := x.rows[p.row], x.rows[q.row]
			if c := comparePaths(a.Template, b.Template); c != 0 {
				return c
			}
			if c := strings.Compare(a.Method, b.Method); c != 0 {
				return c
			}
		}
		return cmp.Compare(p.row, q.row) // rows stand by id
	})
	for i := range all {
		o[i] = all[i].row
	}
}

// latest orders times, the latest first and what never was last.
func latest(t time.Time) uint64 {
	if t.IsZero() {
		return math.MaxUint64
	}
	return ^(uint64(t.UnixNano()) ^ 1<<63)
}

// prior is what an index takes over from the version before: its orders are nearly the new ones.
type prior struct {
	ids    []identity.EndpointID // by row
	orders map[string][]int32
}

func (x *Index) prior() *prior {
	if x == nil {
		return nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	p := &prior{ids: make([]identity.EndpointID, len(x.rows)), orders: maps.Clone(x.orders)}
	for row, e := range x.rows {
		p.ids[row] = e.ID
	}
	return p
}

// guess is all rows as they stood in the version before, those that are new at the end. Sorting is quick where little has
// changed.
func (x *Index) guess(name string) []int32 {
	out := make([]int32, 0, len(x.rows))
	var old []int32
	if x.before != nil {
		old = x.before.orders[name]
	}
	if old == nil || name == "id" {
		for row := range x.rows {
			out = append(out, int32(row))
		}
		return out
	}
	// Both are ascending by id.
	now, taken := make([]int32, len(x.before.ids)), make(bits, (len(x.rows)+63)/64)
	to := 0
	for from, id := range x.before.ids {
		for to < len(x.rows) && x.rows[to].ID < id {
			to++
		}
		now[from] = -1
		if to < len(x.rows) && x.rows[to].ID == id {
			now[from] = int32(to)
			taken.set(int32(to))
		}
	}
	for _, from := range old {
		if row := now[from]; row >= 0 {
			out = append(out, row)
		}
	}
	for row := range int32(len(x.rows)) {
		if !taken.has(row) {
			out = append(out, row)
		}
	}
	return out
}
