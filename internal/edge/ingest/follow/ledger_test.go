package follow

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzLedger: whatever the file holds, it is refused or believed within bounds, and what is believed is stored and read alike.
func FuzzLedger(f *testing.F) {
	f.Add([]byte(`{"kind":"merlon-positions","version":1,"files":[{"path":"/a","device":1,"inode":2,"offset":10,"line":1,"head":"00","head_size":10,"unsettled":true,"after":7}]}`))
	f.Add([]byte(`{"kind":"merlon-positions","version":2}`))
	f.Add([]byte(`{"kind":"merlon-positions","version":1,"files":[{"path":"","offset":-1}]}`))
	f.Add([]byte(`[]`))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(dir, "positions.json")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := Load(path)
		if err != nil {
			return
		}
		for _, p := range l.Files {
			if p.Offset < 0 || p.HeadSize < 0 || p.HeadSize > headBytes || p.Path == "" {
				t.Fatalf("%+v", p)
			}
		}
		if err := l.Save(path); err != nil {
			t.Fatal(err)
		}
		again, err := Load(path)
		if err != nil || len(again.Files) != len(l.Files) {
			t.Fatalf("%+v, %v", again, err)
		}
		for i := range l.Files {
			if again.Files[i] != l.Files[i] {
				t.Fatalf("%+v is read as %+v", l.Files[i], again.Files[i])
			}
		}
	})
}

func TestRotatedNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		".1": true, ".10": true, "-20260102": true, "-2026-01-02": true, ".2026-01-02T15": true, "_1": true,
		"": false, ".gz": false, ".1.gz": false, ".bak": false, "1": false, ".": false, "-": false, ".old": false, "~": false,
	} {
		if rotated(name) != want {
			t.Errorf("access.log%s: %v, want %v", name, !want, want)
		}
	}
}
