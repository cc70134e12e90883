package store

import (
	"encoding/binary"
	"fmt"

	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// Place is one place of an exchange in which a value was observed: its name and what it was, never the value.
type Place struct {
	Part    exchange.Part
	Kind    exchange.Kind
	Name    string // empty for path segments, roots and elements
	Parent  int    // among the places, -1 for a root
	Classes uint64 // a dataclass.Set
	Secret  bool   // its name says that it is a credential
}

// Shape is what the walk saw of an exchange, in its order: of a list only the first element. Calls of one endpoint mostly
// share one shape, so it is stored once for all of them.
type Shape []Place

// Bounds of a shape. Real ones have some twenty places; a caller chooses how many.
const (
	maxPlaces = 128
	maxShape  = 4 << 10
)

// shapeOf takes the shape of an event.
func shapeOf(e *event.Event) Shape {
	all := e.Observations
	out, at, size := make(Shape, 0, min(len(all), maxPlaces)), make([]int, len(all)), 0
	for i := range all {
		o := &all[i]
		at[i] = -1
		parent := -1
		if o.Parent >= 0 && int(o.Parent) < i {
			if parent = at[o.Parent]; parent < 0 {
				continue // its container was left out
			}
			if all[o.Parent].Kind == exchange.KindArray && o.Same > 0 {
				continue // elements are alike
			}
		}
		name := e.Text(o.Name)
		if size += len(name) + 16; len(out) == maxPlaces || size > maxShape {
			break
		}
		at[i] = len(out)
		out = append(out, Place{Part: o.Part, Kind: o.Kind, Name: name, Parent: parent, Classes: o.Classes, Secret: o.Flags&exchange.LeafSecretName != 0})
	}
	return out
}

const shapeVersion = 1

// AppendBinary appends the stored form; nothing for an empty shape.
func (s Shape) AppendBinary(dst []byte) []byte {
	if len(s) == 0 {
		return dst
	}
	dst = binary.AppendUvarint(append(dst, shapeVersion), uint64(len(s)))
	for i := range s {
		p := &s[i]
		head := byte(p.Part)&7 | byte(p.Kind)&7<<3
		if p.Secret {
			head |= 1 << 6
		}
		dst = binary.AppendUvarint(append(dst, head), uint64(i-p.Parent))
		dst = binary.AppendUvarint(dst, p.Classes)
		dst = append(binary.AppendUvarint(dst, uint64(len(p.Name))), p.Name...)
	}
	return dst
}

// DecodeShape reads the stored form.
func DecodeShape(b []byte) (Shape, error) {
	if len(b) == 0 {
		return nil, nil
	}
	if b[0] > shapeVersion {
		return nil, fmt.Errorf("shape of an event: %w", ErrNewer)
	}
	r := reader{b: b[1:]}
	n := r.uvarint()
	if r.bad || n > maxPlaces {
		return nil, fmt.Errorf("shape of an event: %w", ErrDamaged)
	}
	out := make(Shape, 0, n)
	for i := range int(n) {
		head := r.byte()
		back := r.uvarint()
		p := Place{Part: exchange.Part(head & 7), Kind: exchange.Kind(head >> 3 & 7), Secret: head>>6&1 != 0, Classes: r.uvarint()}
		size := r.uvarint()
		if back == 0 || back > uint64(i)+1 || size > maxShape {
			r.bad = true
		}
		p.Parent, p.Name = i-int(back&0xffff), string(r.take(int(min(size, maxShape+1))))
		if r.bad {
			return nil, fmt.Errorf("shape of an event: %w", ErrDamaged)
		}
		out = append(out, p)
	}
	return out, nil
}
