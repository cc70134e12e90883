package traffic

import (
	"bytes"
	"compress/gzip"
	"slices"
	"strings"
	"testing"
)

func TestReadWordlist(t *testing.T) {
	in := "# comment\n/api/v1\n\nadmin/login\n/with space\n/ctl\x01\r\n/quote\"\n/" + strings.Repeat("a", 600) + "\n/caf\xc3\xa9\n/ok?x=1\n"
	want := []string{"/api/v1", "/admin/login", "/ok?x=1"}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte(in))
	_ = z.Close()
	for name, data := range map[string][]byte{"plain": []byte(in), "gzip": zipped.Bytes()} {
		t.Run(name, func(t *testing.T) {
			if got, err := ReadWordlist(bytes.NewReader(data)); err != nil || !slices.Equal(got, want) {
				t.Errorf("%q, %v; want %q", got, err, want)
			}
		})
	}
	if _, err := ReadWordlist(strings.NewReader("\x1f\x8bbroken")); err == nil {
		t.Error("a broken gzip is taken")
	}
	for _, w := range builtinWords() {
		if w[0] != '/' || !printable(w) {
			t.Errorf("built-in %q", w)
		}
	}
}
