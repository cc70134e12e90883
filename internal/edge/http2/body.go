package http2

// chunk holds a piece of a request's body between the reading goroutine and the one that serves the request.
type chunk struct {
	next *chunk
	r, w int
	b    [chunkBytes]byte
}

const chunkBytes = 4<<10 - 32

// body is what has come of a request's body and was not read yet: at most a window's worth, since no more may come.
type body struct {
	first, last *chunk
	n           int
}

// append copies p behind b.
func (b *body) append(s *Server, p []byte) {
	b.n += len(p)
	for len(p) > 0 {
		if b.last == nil || b.last.w == chunkBytes {
			c, _ := s.chunks.Get().(*chunk)
			c.next, c.r, c.w = nil, 0, 0
			if b.last == nil {
				b.first = c
			} else {
				b.last.next = c
			}
			b.last = c
		}
		k := copy(b.last.b[b.last.w:], p)
		b.last.w += k
		p = p[k:]
	}
}

// read moves bytes to p.
func (b *body) read(s *Server, p []byte) (n int) {
	for n < len(p) && b.n > 0 {
		c := b.first
		k := copy(p[n:], c.b[c.r:c.w])
		c.r += k
		n += k
		b.n -= k
		if c.r == c.w {
			b.drop(s)
		}
	}
	return n
}

// drop gives the first chunk back.
func (b *body) drop(s *Server) {
	c := b.first
	if b.first = c.next; b.first == nil {
		b.last = nil
	}
	s.chunks.Put(c)
}

// clear drops what is left and returns how many bytes that were.
func (b *body) clear(s *Server) int {
	n := b.n
	for b.first != nil {
		b.drop(s)
	}
	b.n = 0
	return n
}
