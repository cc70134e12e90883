package hpack

// codeLengths are the lengths in bits of the codes of RFC 7541 appendix B. The code is canonical: codes of one length are
// consecutive numbers in the order of their symbols, so that the lengths say all.
var codeLengths = [256]uint8{
	13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
	28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
	6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
	5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
	13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
	7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
	15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
	6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
	20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
	24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
	22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
	21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
	26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
	19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
	20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
	26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
}

// code is one symbol's Huffman code, in the low bits.
type code struct {
	bits   uint32
	length uint8
}

// codes is read-only data.
var codes = func() (t [256]code) {
	next := uint32(0)
	for length := uint8(1); length <= 30; length++ {
		next <<= 1
		for symbol, l := range codeLengths {
			if l == length {
				t[symbol] = code{next, length}
				next++
			}
		}
	}
	return t
}()

// direct is the length of codes that are decoded by one look: it covers all of the letters, digits and common signs.
const direct = 10

// short maps the next ten bits to symbol<<8 | length; 0 where the code is longer. Read-only data.
var short = func() (t [1 << direct]uint16) {
	for symbol, c := range codes {
		if c.length > direct {
			continue
		}
		first := c.bits << (direct - c.length)
		for i := range uint32(1) << (direct - c.length) {
			t[first+i] = uint16(symbol)<<8 | uint16(c.length)
		}
	}
	return t
}()

// run is the codes of one length: their first and last, aligned to the left in 32 bits, and where their symbols begin.
type run struct {
	first, last uint32
	length      uint8
	symbols     uint8
}

// long holds the runs of the codes over ten bits, in the order of their bits, and their symbols. Read-only data.
var long = func() (t struct {
	runs    []run
	symbols []byte
},
) {
	for length := uint8(direct + 1); length <= 30; length++ {
		r := run{length: length, symbols: uint8(len(t.symbols))}
		for symbol, c := range codes {
			if c.length != length {
				continue
			}
			if len(t.symbols) == int(r.symbols) {
				r.first = c.bits << (32 - length)
			}
			r.last = c.bits<<(32-length) | (1<<(32-length) - 1)
			t.symbols = append(t.symbols, byte(symbol))
		}
		if len(t.symbols) > int(r.symbols) {
			t.runs = append(t.runs, r)
		}
	}
	return t
}()
