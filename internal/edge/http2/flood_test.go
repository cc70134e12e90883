package http2

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// TestFloodRates: a connection may do slowly what it may not do at once, for as long as it lasts.
func TestFloodRates(t *testing.T) {
	var l Limits
	l.fill()
	for k := range kindHeader {
		rate := l.Floods.of(k)
		every := int64(time.Second)/rate.PerSecond + 1
		for _, c := range []struct {
			name  string
			every int64 // the time between two frames
			flood bool
		}{
			{"one an hour", int64(time.Hour), false},
			{"as often as it may", every, false},
			{"twice as often", every / 2, true},
			{"all at once", 0, true},
			{"while the clock runs backwards", -int64(time.Millisecond), true},
		} {
			t.Run(kindNames[k]+"/"+c.name, func(t *testing.T) {
				now := int64(1e18)
				f := newFlood(&l.Floods, func() int64 { return now })
				var err error
				for n := int64(0); n < 5*rate.Burst && err == nil; n++ {
					now += c.every
					err = f.add(k, 0)
				}
				if (err != nil) != c.flood {
					t.Errorf("%v", err)
				}
			})
		}
	}
}

// TestFloodAfterSilence: the burst is there again after a silence of any length.
func TestFloodAfterSilence(t *testing.T) {
	var l Limits
	l.fill()
	for _, days := range []int64{1, 21, 22, 40, 60, 400} {
		now := int64(1e18)
		f := newFlood(&l.Floods, func() int64 { return now })
		for range 2 {
			for range l.Floods.Window.Burst {
				if err := f.add(kindWindow, 0); err != nil {
					t.Fatalf("%d days: %v", days, err)
				}
			}
			now += days * int64(24*time.Hour)
		}
		if err := f.add(kindWindow, 0); err != nil {
			t.Errorf("%d days: %v", days, err)
		}
	}
}

// pieces is a client whose bytes come in the pieces that it has written.
type pieces struct {
	scripted
	parts []string
}

func (c *pieces) Read(p []byte) (int, error) {
	if len(c.parts) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.parts[0])
	if c.parts[0] = c.parts[0][n:]; len(c.parts[0]) == 0 {
		c.parts = c.parts[1:]
	}
	return n, nil
}

// TestLongHeadBehindUpload: a frame longer than the small buffer is read whole, wherever the reads before it have ended.
func TestLongHeadBehindUpload(t *testing.T) {
	var more []string
	for i := range 60 {
		more = append(more, fmt.Sprintf("x-%d", i), strings.Repeat("v", 100))
	}
	upload := start + raw(frameHeaders, flagEndHeaders, 1, post()) + raw(frameData, flagEndStream, 1, strings.Repeat("x", 9000))
	long := raw(frameHeaders, wholeGet, 3, get("/second", more...))
	for _, at := range []int{0, 1, 8, 9, 10, smallRead, len(long) - 1} {
		s := &site{t: t}
		parts := []string{upload, long[:at], long[at:]}
		if at == 0 {
			parts = []string{upload, long}
		}
		s.conn = options(nil).Open(&pieces{parts: parts}, nil, s)
		s.conn.Serve()
		s.running.Wait()
		if len(s.all) != 2 || s.fault != nil {
			t.Errorf("cut at %d: %d requests, %v", at, len(s.all), s.fault)
		}
	}
}
