package pcap

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// packet is one captured packet. data is valid until the next one is read.
type packet struct {
	at   int64 // Unix nanoseconds; 0 when the capture does not say
	link uint32
	data []byte
	wire int // bytes it had on the wire, len(data) or more
}

// Magic numbers, read as little endian: pcap (draft-ietf-opsawg-pcap) with micro- and nanoseconds in both byte orders, and
// the section header block of pcapng (draft-ietf-opsawg-pcapng).
const (
	magicMicro        = 0xa1b2c3d4
	magicMicroSwapped = 0xd4c3b2a1
	magicNano         = 0xa1b23c4d
	magicNanoSwapped  = 0x4d3cb2a1
	blockSection      = 0x0a0d0d0a
	sectionOrder      = 0x1a2b3c4d
)

// Blocks of pcapng that are read; all others are passed over.
const (
	blockInterface = 1
	blockObsolete  = 2
	blockSimple    = 3
	blockEnhanced  = 6
)

// Bounds on what a file may claim.
const (
	maxPacket     = 1 << 20  // libpcap writes at most 256 KiB, and 128 MiB only for D-Bus and USB
	maxBlock      = 64 << 20 // of a block that is passed over without being kept
	maxInterfaces = 4096     // of one section
)

// netInterface is an interface of a pcapng section: how its packets begin and what its clock counts.
type netInterface struct {
	link   uint32
	snap   uint32
	clock  clock
	offset int64 // seconds
}

// clock is the resolution of time stamps: 10 or 2 to the power of -digits seconds.
type clock struct {
	digits uint8
	binary bool
}

// capture reads the packets of a pcap or pcapng file.
type capture struct {
	r          *bufio.Reader
	order      binary.ByteOrder
	section    bool // pcapng
	link       uint32
	clock      clock
	interfaces []netInterface
	buf        []byte
	number     int   // packets so far
	last       int64 // time of the last one
}

// IsCapture tells whether head is the beginning of a pcap or pcapng file.
func IsCapture(head []byte) bool {
	if len(head) < 4 {
		return false
	}
	switch binary.LittleEndian.Uint32(head) {
	case magicMicro, magicMicroSwapped, magicNano, magicNanoSwapped, blockSection:
		return true
	}
	return false
}

// open reads the file's header.
func (c *capture) open() error {
	head, err := c.take(4)
	if err != nil {
		return err
	}
	c.order, c.clock = binary.LittleEndian, clock{digits: 6}
	switch binary.LittleEndian.Uint32(head) {
	case blockSection:
		c.section = true
		return c.openSection()
	case magicMicro:
	case magicNano:
		c.clock.digits = 9
	case magicMicroSwapped:
		c.order = binary.BigEndian
	case magicNanoSwapped:
		c.order, c.clock.digits = binary.BigEndian, 9
	default:
		return ErrDamaged
	}
	if head, err = c.take(20); err != nil {
		return err
	}
	c.link = c.order.Uint32(head[16:]) & 0xffff // above it, flags about the frame check sequence
	return nil
}

// take reads exactly n bytes, which are valid until the next call.
func (c *capture) take(n int) ([]byte, error) {
	if cap(c.buf) < n {
		c.buf = make([]byte, max(n, 2048))
	}
	b := c.buf[:n]
	if _, err := io.ReadFull(c.r, b); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, ErrDamaged
		}
		return nil, err
	}
	return b, nil
}

// takeMore is take where the file cannot end regularly.
func (c *capture) takeMore(n int) ([]byte, error) {
	b, err := c.take(n)
	if errors.Is(err, io.EOF) {
		err = ErrDamaged
	}
	return b, err
}

// next reads the next packet. io.EOF is the regular end.
func (c *capture) next(p *packet) error {
	if c.section {
		return c.nextBlock(p)
	}
	head, err := c.take(16)
	if err != nil {
		return err
	}
	sec, frac := c.order.Uint32(head), c.order.Uint32(head[4:])
	size, wire := c.order.Uint32(head[8:]), c.order.Uint32(head[12:])
	if size > maxPacket {
		return ErrDamaged
	}
	p.at = int64(sec)*1e9 + int64(frac)
	if c.clock.digits == 6 {
		p.at = int64(sec)*1e9 + int64(frac)*1e3
	}
	p.link = c.link
	if p.data, err = c.takeMore(int(size)); err != nil {
		return err
	}
	c.count(p, wire)
	return nil
}

// count finishes a packet.
func (c *capture) count(p *packet, wire uint32) {
	p.wire = len(p.data)
	if wire <= maxPacket {
		p.wire = max(p.wire, int(wire))
	}
	c.number++
	if p.at <= 0 {
		p.at = c.last
	}
	c.last = p.at
}

// openSection reads the rest of a section header block, whose type was read.
func (c *capture) openSection() error {
	head, err := c.takeMore(8)
	if err != nil {
		return err
	}
	switch {
	case binary.LittleEndian.Uint32(head[4:]) == sectionOrder:
		c.order = binary.LittleEndian
	case binary.BigEndian.Uint32(head[4:]) == sectionOrder:
		c.order = binary.BigEndian
	default:
		return ErrDamaged
	}
	size := c.order.Uint32(head)
	if size < 28 || size > maxBlock || size%4 != 0 {
		return ErrDamaged
	}
	c.interfaces = c.interfaces[:0]
	return c.pass(int(size) - 12)
}

func (c *capture) pass(n int) error {
	if _, err := c.r.Discard(n); err != nil {
		if errors.Is(err, io.EOF) {
			return ErrDamaged
		}
		return err
	}
	return nil
}

// nextBlock reads blocks up to the next packet.
func (c *capture) nextBlock(p *packet) error {
	for {
		head, err := c.take(4)
		if err != nil {
			return err
		}
		kind := c.order.Uint32(head)
		if kind == blockSection { // the same in both byte orders
			if err := c.openSection(); err != nil {
				return err
			}
			continue
		}
		if head, err = c.takeMore(4); err != nil {
			return err
		}
		size := c.order.Uint32(head)
		if size < 12 || size > maxBlock || size%4 != 0 {
			return ErrDamaged
		}
		rest := int(size) - 8
		known := kind == blockInterface || kind == blockObsolete || kind == blockSimple || kind == blockEnhanced
		if !known {
			if err := c.pass(rest); err != nil {
				return err
			}
			continue
		}
		if rest > maxPacket+64<<10 {
			return ErrDamaged
		}
		b, err := c.takeMore(rest)
		if err != nil {
			return err
		}
		b = b[:rest-4] // the length stands behind the block once more
		if kind == blockInterface {
			if err := c.addInterface(b); err != nil {
				return err
			}
			continue
		}
		return c.readPacket(kind, b, p)
	}
}

// readPacket takes a packet block apart.
func (c *capture) readPacket(kind uint32, b []byte, p *packet) error {
	var id, size, wire uint32
	var ticks uint64
	data := b
	switch kind {
	case blockSimple:
		if len(b) < 4 {
			return ErrDamaged
		}
		wire, data = c.order.Uint32(b), b[4:]
		size = min(wire, uint32(len(data)))
	default:
		if len(b) < 20 {
			return ErrDamaged
		}
		if id = c.order.Uint32(b); kind == blockObsolete {
			id = uint32(c.order.Uint16(b)) // the other half counts drops
		}
		ticks = uint64(c.order.Uint32(b[4:]))<<32 | uint64(c.order.Uint32(b[8:]))
		size, wire, data = c.order.Uint32(b[12:]), c.order.Uint32(b[16:]), b[20:]
	}
	if int(id) >= len(c.interfaces) || uint64(size) > uint64(len(data)) {
		return ErrDamaged
	}
	in := &c.interfaces[id]
	if kind == blockSimple && in.snap > 0 {
		size = min(size, in.snap)
	}
	p.link, p.data = in.link, data[:size]
	p.at = 0
	if ticks > 0 {
		p.at = in.clock.nanoseconds(ticks, in.offset)
	}
	c.count(p, wire)
	return nil
}

// addInterface reads an interface description block.
func (c *capture) addInterface(b []byte) error {
	if len(b) < 8 || len(c.interfaces) == maxInterfaces {
		return ErrDamaged
	}
	in := netInterface{link: uint32(c.order.Uint16(b)), snap: c.order.Uint32(b[4:]), clock: clock{digits: 6}}
	const resolution, offset = 9, 14 // if_tsresol, if_tsoffset
	for b = b[8:]; len(b) >= 4; {
		code, n := c.order.Uint16(b), int(c.order.Uint16(b[2:]))
		padded := (n + 3) &^ 3
		if b = b[4:]; code == 0 || padded > len(b) {
			break
		}
		switch {
		case code == resolution && n == 1:
			in.clock = clock{digits: b[0] & 0x7f, binary: b[0]&0x80 != 0}
			if in.clock.binary && in.clock.digits > 30 || in.clock.digits > 18 && !in.clock.binary {
				return ErrDamaged // no clock counts finer than attoseconds
			}
		case code == offset && n == 8:
			in.offset = int64(c.order.Uint64(b))
		}
		b = b[padded:]
	}
	c.interfaces = append(c.interfaces, in)
	return nil
}

// maxSecond is the year 2262, where nanoseconds in 63 bits end.
const maxSecond = 9223372035

// nanoseconds of a number of ticks since 1970 and an offset in seconds; 0 when it is out of range.
func (k clock) nanoseconds(ticks uint64, offset int64) int64 {
	var sec, ns uint64
	if k.binary {
		sec = ticks >> k.digits
		ns = (ticks & (1<<k.digits - 1)) * 1e9 >> k.digits
	} else {
		unit, fine := uint64(1), uint64(1)
		for range k.digits {
			unit *= 10
		}
		sec, ns = ticks/unit, ticks%unit
		for d := k.digits; d < 9; d++ {
			ns *= 10
		}
		for d := uint8(9); d < k.digits; d++ {
			fine *= 10
		}
		ns /= fine
	}
	if sec > maxSecond || offset < -maxSecond || offset > maxSecond || int64(sec)+offset < 0 || int64(sec)+offset > maxSecond {
		return 0
	}
	return (int64(sec)+offset)*1e9 + int64(ns)
}
