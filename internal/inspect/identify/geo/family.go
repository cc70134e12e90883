package geo

// A family is a list of ranges by rising start: each lasts until the next begins, the first begins at 0. index narrows the
// binary search by 16 bits of the address: index[k] is the range that holds the first address whose bits are k.

type family4 struct {
	starts []uint32
	values []uint32 // numbers in Table.places
	index  []uint32
}

const indexSize = 1<<16 + 1

func (f *family4) build() {
	f.index = make([]uint32, indexSize)
	at := 0
	for k := range 1 << 16 {
		for at+1 < len(f.starts) && f.starts[at+1] <= uint32(k)<<16 {
			at++
		}
		f.index[k] = uint32(at)
	}
	f.index[1<<16] = uint32(len(f.starts) - 1)
}

func (f *family4) find(x uint32) uint32 {
	k := x >> 16
	base := f.index[k]
	n := f.index[k+1] - base + 1
	for n > 1 {
		half := n / 2
		if f.starts[base+half] <= x {
			base += half
		}
		n -= half
	}
	return f.values[base]
}

// family6 has the upper 64 bits of addresses. All of global unicast begins with the same three bits (2000::/3), so the
// index uses the 16 bits behind them; the few ranges elsewhere are searched without it.
type family6 struct {
	starts []uint64
	values []uint32
	index  []uint32
}

const (
	unicastBits  = 1 // the first three bits of 2000::/3
	unicastShift = 64 - 3
	indexShift   = unicastShift - 16
)

func (f *family6) build() {
	f.index = make([]uint32, indexSize)
	at := 0
	for k := range indexSize {
		first := uint64(unicastBits)<<unicastShift + uint64(k)<<indexShift
		for at+1 < len(f.starts) && f.starts[at+1] <= first {
			at++
		}
		f.index[k] = uint32(at)
	}
}

func (f *family6) find(x uint64) uint32 {
	base, n := uint32(0), uint32(len(f.starts))
	if x>>unicastShift == unicastBits {
		k := x >> indexShift & 0xffff
		base = f.index[k]
		n = f.index[k+1] - base + 1
	}
	for n > 1 {
		half := n / 2
		if f.starts[base+half] <= x {
			base += half
		}
		n -= half
	}
	return f.values[base]
}
