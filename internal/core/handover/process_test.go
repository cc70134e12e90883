package handover

import (
	"context"
	"errors"
	"os"
	"testing"
)

// TestParentWords: the packet sockets are free before the parent has ended, or with its end, and nobody waits twice.
func TestParentWords(t *testing.T) {
	parent := func(t *testing.T) (*Sockets, *Parent, *os.File) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _, _ = r.Close(), w.Close() })
		return &Sockets{life: int(w.Fd())}, &Parent{life: r}, w
	}
	t.Run("lets go, then ends", func(t *testing.T) {
		s, p, w := parent(t)
		if err := s.ReleasePackets(); err != nil {
			t.Fatal(err)
		}
		if err := p.WaitPackets(t.Context()); err != nil || p.ended {
			t.Fatalf("%v, ended: %v", err, p.ended)
		}
		_ = w.Close()
		if err := p.Wait(t.Context()); err != nil || !p.ended {
			t.Errorf("%v, ended: %v", err, p.ended)
		}
	})
	t.Run("ends without a word", func(t *testing.T) {
		_, p, w := parent(t)
		_ = w.Close()
		if err := errors.Join(p.WaitPackets(t.Context()), p.Wait(t.Context())); err != nil {
			t.Error(err)
		}
	})
	t.Run("waits for the end behind the word", func(t *testing.T) {
		s, p, w := parent(t)
		if err := s.ReleasePackets(); err != nil {
			t.Fatal(err)
		}
		_ = w.Close()
		if err := p.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("this one ends first", func(t *testing.T) {
		_, p, _ := parent(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.WaitPackets(ctx); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	t.Run("no next process", func(t *testing.T) {
		if err := new(Sockets).ReleasePackets(); err != nil {
			t.Error(err)
		}
	})
}
