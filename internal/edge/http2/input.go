package http2

import (
	"errors"
	"os"
)

// Sizes of what a connection reads at once: ordinarily, and while more comes than that.
const (
	smallRead = 4 << 10
	bulkRead  = 16 << 10
)

// payload reads n bytes. They stand until the next call.
func (c *Conn) payload(n int) ([]byte, error) {
	if n <= smallRead || n <= c.w-c.r { // fill may take the larger buffer away
		for c.w-c.r < n {
			if err := c.fill(); err != nil {
				return nil, err
			}
		}
		b := c.buf[c.r : c.r+n]
		c.r += n
		return b, nil
	}
	c.block = c.block[:0]
	for len(c.block) < n {
		if c.r == c.w {
			if err := c.fill(); err != nil {
				return nil, err
			}
		}
		k := min(n-len(c.block), c.w-c.r)
		c.block = append(c.block, c.buf[c.r:c.r+k]...)
		c.r += k
	}
	return c.block, nil
}

// fill reads more behind buf[r:w].
func (c *Conn) fill() error {
	if c.r == c.w {
		c.choose()
	} else if c.w == len(c.buf) {
		c.w = copy(c.buf, c.buf[c.r:c.w])
		c.r = 0
	}
	if len(c.early) > 0 {
		n := copy(c.buf[c.w:], c.early)
		c.w += n
		c.early = c.early[n:]
		return nil
	}
	for {
		c.mu.Lock()
		c.ask()
		unread := c.out != nil && len(c.out.b) > maxUnread
		c.mu.Unlock()
		if unread {
			return flooded(kindUnread)
		}
		n, err := c.nc.Read(c.buf[c.w:])
		if n > 0 {
			c.w += n
			c.silences = 0
			return nil
		}
		if c.silences++; err == nil && c.silences > 100 {
			return errCut
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = c.late()
		}
		if err != nil {
			return err
		}
	}
}

// choose takes the larger buffer when the one before was filled, and gives it back when it was not.
func (c *Conn) choose() {
	switch {
	case c.bulk == nil && c.w == len(c.buf):
		c.bulk, _ = c.s.bulks.Get().(*[bulkRead]byte)
		c.buf = c.bulk[:]
	case c.bulk != nil && c.w <= smallRead:
		c.s.bulks.Put(c.bulk)
		c.bulk, c.buf = nil, c.small
	}
	c.r, c.w = 0, 0
}
