package stream

// kind is a kind of frame that is bounded.
type kind uint8

const (
	kindReset kind = iota
	kindPing
	kindSettings
	kindPriority
	kindEmptyData
	kindWindow
	kindUnknown
	kindHeader // one header block, not a rate
	numKinds
)

// kindNames are for the log. They are constant.
var kindNames = [numKinds]string{
	"streams reset", "PING", "SETTINGS", "PRIORITY", "empty DATA", "WINDOW_UPDATE", "unknown frames", "an endless header block",
}

// flood counts the frames of one connection that carry nothing. It looks at the clock only when a burst is used up.
type flood struct {
	limits *Limits
	now    func() int64
	levels [numKinds]level
}

// level is a leaking bucket.
type level struct {
	have int64
	// at is when it last leaked, made is how much had been made good for by then.
	at, made int64
}

func (f *Floods) of(k kind) Rate {
	switch k {
	case kindReset:
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

// add counts n frames and reports whether they are within bounds. made is how much the connection has done by now that makes
// good for frames of this kind.
func (f *flood) add(k kind, n, made int64) bool {
	l := &f.levels[k]
	l.have += n
	rate := f.limits.Floods.of(k)
	if l.have <= rate.Burst {
		return true
	}
	now := f.now()
	if l.at != 0 {
		l.have -= (now - l.at) * rate.PerSecond / 1e9
	}
	l.have -= made - l.made
	l.have = max(l.have, n)
	l.at, l.made = now, made
	return l.have <= rate.Burst
}
