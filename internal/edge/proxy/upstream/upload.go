package upstream

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"merlon/internal/edge/http1"
	"merlon/internal/model/exchange"
)

// upload sends a request's body while it arrives, on a goroutine of its own: an answer may come before the body has ended,
// and goes to the client at once.
type upload struct {
	c        *conn
	g        *Group
	src      BodySource
	trailers func() []exchange.Field
	chunked  bool
	left     int64 // bytes of the announced length still to come

	// moved is when bytes last went.
	moved atomic.Int64
	// state is sending, and then one of the others, for good: a body is stopped or sent whole, and never both.
	state atomic.Uint32
	// done is closed when the goroutine touches neither the connection nor the source any more.
	done chan struct{}
	err  error // the source's; valid in the state halted
	sent bool  // all of it; valid once done is closed
}

const (
	sending = iota
	ending  // only the last piece is still to be written
	halted  // by its source's error
	stopped // by end
)

// errLength says that a body is not as long as its head says. Whatever it is, it must not reach a server: what is missing
// or left over would be another request there (CWE-444).
var errLength = errors.New("the body is not as long as announced")

// run sends the body and says how that ended.
func (u *upload) run() {
	defer close(u.done) // at last: the connection may be somebody else's from then on
	if u.sent, u.err = u.pump(); u.err != nil {
		u.state.CompareAndSwap(sending, halted) // first: whoever waits for the answer asks when the connection fails
		u.c.Abort()                             // what has been sent is no message
	}
}

// pump writes Out, which holds the head and the beginning of the body, and then the rest. A connection that takes no more
// is no error here: whoever reads the answer finds out why.
func (u *upload) pump() (sent bool, err error) {
	defer contain(u.g.o.Log, &err)
	if !u.write(u.c.Out, false) {
		return false, nil
	}
	for {
		payload, done, err := u.src.Next()
		if err != nil {
			return false, err
		}
		if !u.chunked {
			if u.left -= int64(len(payload)); u.left < 0 || done && u.left > 0 {
				return false, errLength
			}
		}
		if payload, err = u.piece(payload, done); err != nil {
			return false, err
		}
		if !u.write(payload, done) {
			return false, nil
		}
		if done {
			return true, nil
		}
	}
}

// piece frames a part of the body.
func (u *upload) piece(payload []byte, done bool) ([]byte, error) {
	if !u.chunked {
		return payload, nil
	}
	out := http1.AppendChunk(u.c.Out[:0], payload)
	var err error
	if done {
		var t []exchange.Field
		if u.trailers != nil {
			t = u.trailers()
		}
		if out, err = http1.AppendLastChunk(out, t); err != nil {
			err = fmt.Errorf("trailers: %w", err)
		}
	}
	u.c.Out = out
	return out, err
}

// write sends b. The last piece is not begun when end was faster; and if it was not, it finds the deadline as it is here.
func (u *upload) write(b []byte, last bool) bool {
	now := u.g.now()
	u.moved.Store(now)
	u.c.WriteWithin(now, u.g.o.Timeouts.Body)
	if last && !u.state.CompareAndSwap(sending, ending) {
		return false
	}
	if len(b) == 0 {
		return true
	}
	_, err := u.c.NC.Write(b)
	u.moved.Store(u.g.now())
	return err == nil
}

// moving tells whether the body is still being sent, or was until less than pause ago.
func (u *upload) moving(now int64, pause time.Duration) bool {
	select {
	case <-u.done:
	default:
		if u.state.Load() == sending {
			return true // its source has time-outs of its own
		}
	}
	return now-u.moved.Load() < int64(pause)
}

// sourceError is the source's error, if the upload has ended with one and was not stopped before.
func (u *upload) sourceError() error {
	if u.state.Load() == halted {
		return &SourceError{u.err}
	}
	return nil
}

// contain turns a panic of a BodySource into the failure of its request: on a goroutine of its own it would end the process.
func contain(log *slog.Logger, err *error) {
	if v := recover(); v != nil {
		log.Error("a request's body failed; please report this", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
		*err = errPanic
	}
}

var errPanic = errors.New("reading the body has failed inside")

// lastPiece is how long the last piece of a body may take when the answer is there already.
const lastPiece = time.Second

// end waits for the goroutine, and makes it end when there is more to it than a last write.
func (u *upload) end() {
	select {
	case <-u.done:
		return
	default:
	}
	if u.state.CompareAndSwap(sending, stopped) {
		u.c.Abort()
		u.src.Stop()
	} else {
		_ = u.c.NC.SetWriteDeadline(time.Unix(0, u.g.now()+int64(lastPiece)))
	}
	<-u.done
	u.c.WriteBy = 0
}
