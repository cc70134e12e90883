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
	kindHeader // one header block, not a rate
	kindUnread // frames that make us answer, from a client that does not read the answers
	numKinds
)

// kindNames are for the log. They are constant.
var kindNames = [numKinds]string{
	"streams reset", "streams at fault", "PING", "SETTINGS", "PRIORITY", "empty DATA", "WINDOW_UPDATE", "unknown frames", "an endless header block", "frames to answer, from a client that does not read",
}

// flood counts the frames of one connection that carry nothing. It looks at the clock only when a burst is used up.
type flood struct {
	limits *Floods
	now    func() int64
	levels [kindHeader]level
}

// level is a leaking bucket.
type level struct {
	have int64
	// at is when it last leaked, made is how much had been made good for by then.
	at, made int64
}

func (f *Floods) of(k kind) Rate {
	switch k {
	case kindReset, kindFault:
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
	now := f.now()
	if l.at != 0 {
		l.have -= (now - l.at) * rate.PerSecond / 1e9
	}
	l.have -= made - l.made
	l.have = max(l.have, 1)
	l.at, l.made = now, made
	if l.have <= rate.Burst {
		return nil
	}
	return flooded(k)
}

func flooded(k kind) error { return Fault{Code: EnhanceYourCalm, Flood: kindNames[k]} }
