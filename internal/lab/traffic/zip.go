package traffic

import (
	"bufio"
	"compress/gzip"
	"io"
)

// unzip looks at the first bytes and reads through gzip when they say so.
func unzip(r io.Reader) (io.Reader, error) {
	br := bufio.NewReaderSize(r, 1<<16)
	if head, _ := br.Peek(2); len(head) == 2 && head[0] == 0x1F && head[1] == 0x8B {
		return gzip.NewReader(br)
	}
	return br, nil
}
