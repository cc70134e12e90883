package traffic

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// maxWords bounds a word list; longer lists only repeat the same noise.
const maxWords = 100_000

// ReadWordlist reads paths, one a line, plain or gzipped. Lines that cannot be a request target are left out: a scanner's tool would
// not send them either.
func ReadWordlist(r io.Reader) ([]string, error) {
	r, err := unzip(r)
	if err != nil {
		return nil, fmt.Errorf("word list: %w", err)
	}
	var words []string
	sc := bufio.NewScanner(r)
	for sc.Scan() && len(words) < maxWords {
		w := strings.TrimSpace(sc.Text())
		if w == "" || w[0] == '#' || len(w) > 512 || !printable(w) {
			continue
		}
		if w[0] != '/' {
			w = "/" + w
		}
		words = append(words, w)
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("word list: %w", err)
	}
	return words, nil
}

// printable says that s can stand in a request line as it is.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7F || s[i] == '"' || s[i] == '<' || s[i] == '>' || s[i] == '#' || s[i] == '\\' {
			return false
		}
	}
	return true
}
