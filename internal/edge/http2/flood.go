package http2

// kind is a kind of frame that is bounded.
type kind uint8

const (
	kindReset kind = iota
	kindFault      // streams that we have reset for a fault of the client's
	kindPing
	kindSettings
	kindPriority
	kindEmptyData
	kindWindow
	kindUnknown
	kindRefused // streams that were refused for now; too many drain the connection
	kindHeader  // one header block, not a rate
	kindUnread  // frames that make us answer, from a client that does not read the answers
	numKinds
)

// kindNames are for the log. They are constant.
var kindNames = [numKinds]string{
	"streams reset", "streams at fault", "PING", "SETTINGS", "PRIORITY", "empty DATA", "WINDOW_UPDATE", "unknown frames", "streams refused", "an endless header block", "frames to answer, from a client that does not read",
}

// flood counts the frames of one connection that carry nothing. It looks at the clock only when a burst is used up.
type flood struct {
	limits *Floods
	now    func() int64
	levels [kindHeader]level
}

// newFlood counts from now on: whatever is slower than its rate is never too much, however long the connection lasts.
func newFlood(limits *Floods, now func() int64) flood {
	f := flood{limits: limits, now: now}
	at := now()
	for i := range f.levels {
		f.levels[i].at = at
	}
	return f
}

// level is a leaking bucket.
type level struct {
	have int64
	// at is until when it has leaked, made is how much had been made good for by then.
	at, made int64
}

func (f *Floods) of(k kind) Rate {
	switch k {
	case kindReset, kindFault, kindRefused:
		return f.Reset
	case kindPing:
		return f.Ping
	case kindSettings:
		return f.Settings
	case kindPriority:
		return f.Priority
	case kindEmptyData:
		return f.EmptyData
	case kindWindow:
		return f.Window
	default:
		return f.Unknown
	}
}

// add counts a frame and returns a Fault when there are too many. made is how much the connection has done by now that makes
// good for frames of this kind.
func (f *flood) add(k kind, made int64) error {
	l := &f.levels[k]
	l.have++
	rate := f.limits.of(k)
	if l.have <= rate.Burst {
		return nil
	}
	l.leak(f.now(), rate.PerSecond)
	l.have = max(l.have-(made-l.made), 1)
	l.made = made
	if l.have <= rate.Burst {
		return nil
	}
	return flooded(k)
}

// leak takes off what the time since the last leak is good for. Where that is all of it, the product that tells how much it
// would be does not fit its type for a silence of weeks.
func (l *level) leak(now, perSecond int64) {
	passed := now - l.at
	switch {
	case passed < 0: // the clock was set back
		l.at = now
	case passed/1e9 > l.have/perSecond:
		l.have, l.at = 0, now
	default:
		n := passed * perSecond / 1e9
		l.have -= n
		l.at += n * 1e9 / perSecond // what is left of a whole one counts the next time
	}
}

func flooded(k kind) error { return Fault{Code: EnhanceYourCalm, Flood: kindNames[k]} }
