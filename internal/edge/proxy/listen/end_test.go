package listen

import (
	"net"
	"testing"
	"time"
)

// TestEnd: the connections of one listener come to their end, and nobody else's.
func TestEnd(t *testing.T) {
	d := newDoor(t, AdmissionOptions{Connections: 100})
	listener := func() *Listener {
		nl, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = nl.Close() })
		return New(nl, Options{Admission: d.Admission, Now: time.Now})
	}
	gone, stays := listener(), listener()
	come := func(l *Listener) *Conn {
		c := d.come("192.0.2.1")
		c.ended = &l.ended
		return c
	}
	fresh, waiting, serving, late, multiplexed, other := come(gone), come(gone), come(gone), come(gone), come(gone), come(stays)
	multiplexed.HTTP2 = true
	for _, c := range []*Conn{waiting, serving, multiplexed, other} {
		c.Busy()
	}
	for _, c := range []*Conn{waiting, multiplexed, other} {
		c.Idle()
	}
	late.Busy()
	late.Idle()
	late.Busy() // the next request came just before
	if err := gone.End(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*Conn{"one that brought nothing": fresh, "one that waits": waiting} {
		if !c.Shed() || c.Busy() {
			t.Errorf("%s goes on", name)
		}
	}
	for name, c := range map[string]*Conn{"a request under way": serving, "a request that came just before": late} {
		if c.Shed() || !c.Ending() {
			t.Errorf("%s is cut, or is not told to end", name)
		}
		if c.Idle(); !c.Shed() {
			t.Errorf("%s: the connection outlives its answer", name)
		}
	}
	if multiplexed.Shed() {
		t.Error("an HTTP/2 connection was cut")
	}
	if other.Shed() || other.Ending() || !other.Busy() {
		t.Error("another listener's connection ends")
	}
	if s := d.Stats(); s.Open != 2 || s.Shed != 0 {
		t.Errorf("%+v", s)
	}
}
