package hpack

// Decoder decodes the header blocks of one connection. Begin makes it ready.
type Decoder struct {
	table   table
	limit   int  // what a table size update may ask for
	lower   int  // the announced limit, where it is lower than the size in force and not yet acknowledged or kept
	owed    bool // the next block has to begin with an update
	maxList int
	name    []byte // a decoded name; value likewise
	value   []byte
}

// kept is the most scratch memory that outlives a connection.
const kept = 16 << 10

// Begin makes the decoder ready for a connection. maxTable is the SETTINGS_HEADER_TABLE_SIZE that we announce, in bytes;
// maxList the length of a header list that is emitted, counted as SETTINGS_MAX_HEADER_LIST_SIZE counts: 32 bytes a field
// beside its name and value. A limit under 4096 holds from Acknowledged on, since the peer may not know of it before.
func (d *Decoder) Begin(maxTable uint32, maxList int) {
	announced := int(min(maxTable, maxInteger))
	d.table.begin(initialTable)
	d.limit, d.lower, d.owed, d.maxList = max(announced, initialTable), announced, false, maxList
	if cap(d.name) > kept {
		d.name = nil
	}
	if cap(d.value) > kept {
		d.value = nil
	}
	if len(d.table.arena) > kept && announced < kept/2 {
		d.table = table{max: initialTable}
	}
}

// Acknowledged says that the peer has acknowledged our SETTINGS. It matters only where Begin was given less than 4096: the
// next block then has to begin with an update (RFC 7541 section 4.2).
func (d *Decoder) Acknowledged() {
	if d.lower < d.limit {
		d.limit = d.lower
		d.owed = d.table.max > d.limit
	}
}

// Decode decodes a whole header block and emits its fields in order. The slices stand during the call of emit only and are
// not to be changed; sensitive says that the field was sent as never to be indexed, and has to be sent on as such.
//
// When emit returns an error, or the list is too long, nothing more is emitted but the block is read to its end, so that
// the table agrees with the peer's; the error is returned then. Errors of the type Error and ErrExpansion end the
// connection; they go before any other.
func (d *Decoder) Decode(block []byte, emit func(name, value []byte, sensitive bool) error) error {
	block, err := d.updates(block)
	if err != nil {
		return err
	}
	var refused error
	list := 0
	for len(block) > 0 {
		var name, value []byte
		var add bool
		first := block[0]
		if first&0x80 != 0 {
			var index uint32
			if index, block, err = readInteger(block, 7); err != nil {
				return err
			}
			if name, value, err = d.at(index); err != nil {
				return err
			}
		} else {
			if first&0xe0 == 0x20 {
				return ErrUpdatePlace
			}
			add = first&0x40 != 0
			if name, value, block, err = d.literal(block, add); err != nil {
				return err
			}
		}
		if list += len(name) + len(value) + overhead; list > d.maxList {
			if list/floodFactor > d.maxList {
				return ErrExpansion
			}
			if refused == nil {
				refused = ErrListTooLong
			}
		}
		if refused == nil {
			refused = emit(name, value, first&0xf0 == 0x10)
		}
		if add {
			d.table.add(name, value)
		}
	}
	if cap(d.name)+cap(d.value) > 2*kept {
		d.name, d.value = nil, nil // an idle connection holds no more than the table
	}
	return refused
}

// updates reads the table size updates at the beginning of a block: the smallest size between two blocks and the last one
// (RFC 7541 section 4.2), so two at most.
func (d *Decoder) updates(block []byte) ([]byte, error) {
	for n := 0; len(block) > 0 && block[0]&0xe0 == 0x20; n++ {
		if n == 2 {
			return nil, ErrUpdateCount
		}
		size, rest, err := readInteger(block, 5)
		if err != nil {
			return nil, err
		}
		if int(size) > d.limit {
			return nil, ErrUpdateLimit
		}
		d.table.resize(int(size))
		d.owed = false
		block = rest
	}
	if d.owed {
		return nil, ErrUpdateAbsent
	}
	return block, nil
}

// at returns the field of an index.
func (d *Decoder) at(index uint32) (name, value []byte, err error) {
	if index < uint32(len(staticTable)) {
		if index == 0 {
			return nil, nil, ErrIndex
		}
		f := &staticTable[index]
		return f.name, f.value, nil
	}
	if index -= uint32(len(staticTable)) - 1; index > d.table.len() {
		return nil, nil, ErrIndex
	}
	name, value = d.table.at(index)
	return name, value, nil
}

// literal reads a literal field (RFC 7541 section 6.2). One that will be added does not stand in the table.
func (d *Decoder) literal(block []byte, add bool) (name, value, rest []byte, err error) {
	prefix := uint(4)
	if add {
		prefix = 6
	}
	index, block, err := readInteger(block, prefix)
	if err != nil {
		return nil, nil, nil, err
	}
	if index != 0 {
		if name, _, err = d.at(index); err == nil && add && index >= uint32(len(staticTable)) {
			d.name = append(d.name[:0], name...)
			name = d.name
		}
	} else {
		name, block, err = text(block, &d.name)
	}
	if err != nil {
		return nil, nil, nil, err
	}
	value, rest, err = text(block, &d.value)
	return name, value, rest, err
}

// text reads a string literal (RFC 7541 section 5.2). What is Huffman coded is decoded into scratch.
func text(block []byte, scratch *[]byte) (s, rest []byte, err error) {
	if len(block) == 0 {
		return nil, nil, ErrTruncated
	}
	coded := block[0]&0x80 != 0
	n, rest, err := readInteger(block, 7)
	if err != nil {
		return nil, nil, err
	}
	if int(n) > len(rest) {
		return nil, nil, ErrTruncated
	}
	s, rest = rest[:n:n], rest[n:]
	if coded {
		if s, err = appendDecoded((*scratch)[:0], s); err != nil {
			return nil, nil, err
		}
		*scratch = s
	}
	return s, rest, nil
}
