package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/klauspost/compress/gzip"
)

//go:embed assets
var assets embed.FS

// assetSet is every file that a browser loads beside a page: read, joined and compressed once. They live at
// /assets/<hash of all of them>/<name>, so a browser may keep them for good and never mixes those of two versions.
type assetSet struct {
	base  string // "/assets/" + hash + "/"
	files map[string]asset
}

type asset struct {
	kind         string // Content-Type
	plain, small []byte // small is gzip, nil where it would not help
}

// newAssets reads the embedded folder. The parts of the stylesheet are joined in the order of their names.
func newAssets(files fs.FS) (*assetSet, error) {
	set := &assetSet{files: map[string]asset{}}
	all := map[string][]byte{}
	hash := sha256.New()
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		fmt.Fprintf(hash, "%s %d\n", name, len(b))
		hash.Write(b)
		if path.Ext(name) == ".css" {
			name = "merlon.css"
		}
		all[path.Base(name)] = append(all[path.Base(name)], b...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for name, b := range all {
		a := asset{kind: kindOf(name), plain: b}
		if a.kind == "" {
			continue // licences stand beside what they are for; nobody loads them
		}
		if a.small, err = gzipped(b); err != nil {
			return nil, err
		}
		if len(a.small) > len(b)*9/10 {
			a.small = nil // fonts are compressed already
		}
		set.files[name] = a
	}
	set.base = "/assets/" + hex.EncodeToString(hash.Sum(nil)[:6]) + "/"
	return set, nil
}

func kindOf(name string) string {
	switch ext := path.Ext(name); ext {
	case ".woff2":
		return "font/woff2"
	case ".js", ".css", ".svg":
		return mime.TypeByExtension(ext)
	default:
		return ""
	}
}

func gzipped(b []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	err = w.Close()
	return out.Bytes(), err
}

// ServeHTTP answers with a file. Under the hash of another version the file is the one of this version, and not kept.
func (s *assetSet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	hash, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/assets/"), "/")
	a, ok := s.files[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Vary", "Accept-Encoding")
	if "/assets/"+hash+"/" == s.base {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	body := a.plain
	if a.small != nil && takesGzip(r) {
		h.Set("Content-Encoding", "gzip")
		body = a.small
	}
	h.Set("Content-Length", fmt.Sprint(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the reader has gone
	}
}

// takesGzip reads Accept-Encoding as far as browsers use it; q=0 refuses.
func takesGzip(r *http.Request) bool {
	for _, line := range r.Header.Values("Accept-Encoding") {
		for part := range strings.SplitSeq(line, ",") {
			name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
			if strings.EqualFold(strings.TrimSpace(name), "gzip") && strings.Trim(strings.TrimSpace(q), "q=.0 ") != "" || strings.EqualFold(strings.TrimSpace(part), "gzip") {
				return true
			}
		}
	}
	return false
}
