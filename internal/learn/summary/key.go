package summary

import (
	"encoding/binary"
	"math"
	"strings"

	"merlon/internal/model/dataclass"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/model/sketch"
)

// The normal form of a path, which no change of templates can re-key:
//
//   - an event that the matcher knew stands under (host, method, its own template without parameter names);
//   - any other stands under (host, method, segments), each segment being its class if it is typed (a number, a UUID) and
//     its keyed token otherwise.
//
// Both are functions of the event alone, so it does not matter which node counted it, when, or what that node knew.
// Distillation folds them together: a template covers the keys of the templates and paths it replaced.

// Bounds of a key; what is longer is cut, and so shares the key of its beginning.
const (
	MaxSegments = 32
	maxHost     = 253 // RFC 1035
	maxMethod   = 24
	maxLiteral  = 64
	// Templates come from our own knowledge and from descriptions, which may be longer than what is learned.
	maxTemplateSegments = 256
	maxTemplateText     = 1024
)

const (
	clientSeed   = 0x636c69656e740001
	networkSeed  = 0x6e6574776f720001
	templateSeed = 0x74656d706c610001
	typedSeed    = 0x7479706564000001
	paramSeed    = 0x706172616d000001
)

// Kind tells the three forms of a segment.
type Kind uint8

const (
	// Literal: text (from a template) or a token whose text may or may not be known.
	Literal Kind = iota
	// Typed: a value whose form says that it is one.
	Typed
	// Parameter: a position that the event's template had as a parameter.
	Parameter
)

// Segment is one position of a leaf's path.
type Segment struct {
	Kind  Kind
	Class dataclass.SegmentClass // with Typed
	Token uint64                 // with Literal; 0 when it came from a template
	// Text is a literal's text; empty while it is not known.
	Text string
	// Low and High bound the numbers seen at a typed integer: a position that only ever held one small number is a
	// version, not a parameter.
	Low, High uint64
	// Echo counts successes whose answer named this literal as a value of its own: what an answer calls by name is a value
	// and not a word of the API.
	Echo uint64
}

// hashBytes is the platform's location hash over arbitrary bytes: stable in every process, eight bytes a step.
func hashBytes(seed uint64, b []byte) uint64 { return sketch.Mix(exchange.MemberLoc(seed, b)) }

func mixIn(h, v uint64) uint64 { return sketch.Mix(h ^ v*0x9e3779b97f4a7c15 + 0x7f4a7c15) }

func be64(b []byte) uint64 { return binary.BigEndian.Uint64(b) }

func cut(b []byte, n int) []byte { return b[:min(len(b), n)] }

// rawHash identifies an event's key cheaply; equal raw hashes have equal keys, not the other way round.
func rawHash(seed uint64, e *event.Event) uint64 {
	h := prefixHash(seed, e)
	if e.Endpoint != 0 && e.Template.Len > 0 {
		return hashBytes(h^templateSeed, e.Bytes(e.Template))
	}
	return pathHash(h, e)
}

func prefixHash(seed uint64, e *event.Event) uint64 {
	return hashBytes(hashBytes(seed, cut(e.Bytes(e.Host), maxHost)), cut(e.Bytes(e.Method), maxMethod))
}

func pathHash(h uint64, e *event.Event) uint64 {
	for i := range e.Observations {
		o := &e.Observations[i]
		if o.Part != exchange.InPath || i == MaxSegments {
			break
		}
		if c := classOf(o); c.Typed() {
			h = mixIn(h, typedSeed+uint64(c))
		} else {
			h = mixIn(h, o.Token)
		}
	}
	return h
}

// keyHash is the hash under which a leaf is kept and ordered.
func keyHash(seed uint64, e *event.Event) uint64 {
	h := prefixHash(seed, e)
	if e.Endpoint == 0 || e.Template.Len == 0 {
		return pathHash(h, e)
	}
	h ^= templateSeed
	for rest := e.Bytes(e.Template); ; {
		var seg []byte
		seg, rest = nextSegment(rest)
		if seg == nil {
			return h
		}
		if isParameter(seg) {
			h = mixIn(h, paramSeed)
		} else {
			h = hashBytes(h, seg)
		}
	}
}

// nextSegment cuts one segment off a path; nil at its end. "/" has one empty segment.
func nextSegment(path []byte) (seg, rest []byte) {
	if len(path) == 0 {
		return nil, nil
	}
	if path[0] == '/' {
		path = path[1:]
	}
	for i, c := range path {
		if c == '/' {
			return path[:i:i], path[i:]
		}
	}
	return path[:len(path):len(path)], nil
}

func isParameter(seg []byte) bool {
	return len(seg) >= 2 && seg[0] == '{' && seg[len(seg)-1] == '}'
}

// name fills a new leaf's key from the event that made it.
func (l *Leaf) name(e *event.Event) {
	l.Host = strings.ToValidUTF8(string(cut(e.Bytes(e.Host), maxHost)), "?")
	l.Method = strings.ToValidUTF8(string(cut(e.Bytes(e.Method), maxMethod)), "?")
	if e.Endpoint != 0 && e.Template.Len > 0 {
		for rest := e.Bytes(e.Template); ; {
			var seg []byte
			if seg, rest = nextSegment(rest); seg == nil {
				break
			}
			if isParameter(seg) {
				l.Segments = append(l.Segments, Segment{Kind: Parameter})
			} else {
				l.Segments = append(l.Segments, Segment{Kind: Literal, Text: string(seg)})
			}
		}
		return
	}
	for i := range e.Observations {
		o := &e.Observations[i]
		if o.Part != exchange.InPath || i == MaxSegments {
			break
		}
		if c := classOf(o); c.Typed() {
			l.Segments = append(l.Segments, Segment{Kind: Typed, Class: c, Low: math.MaxUint64})
		} else if o.Len == 0 { // nothing, as behind a last slash: a literal without text
			l.Segments = append(l.Segments, Segment{Kind: Literal})
		} else {
			l.Segments = append(l.Segments, Segment{Kind: Literal, Token: o.Token})
			l.missing++
		}
	}
}

// widen notes the numbers at typed integers.
func (l *Leaf) widen(e *event.Event) {
	for i := range l.Segments {
		if s := &l.Segments[i]; s.Kind == Typed && s.Class == dataclass.SegmentInt && i < len(e.Observations) {
			n := uint64(math.MaxUint64)
			if v := e.Observations[i].Number; v >= 0 && v < 1e15 && e.Observations[i].Len <= 15 {
				n = uint64(v)
			}
			s.Low, s.High = min(s.Low, n), max(s.High, n)
		}
	}
}

// segmentClasses gives the path-segment class of a value whose first recognised class is the index.
var segmentClasses = [64]dataclass.SegmentClass{
	dataclass.Int: dataclass.SegmentInt, dataclass.Number: dataclass.SegmentNumber,
	dataclass.BoolWord: dataclass.SegmentWord,
	dataclass.UUID:     dataclass.SegmentUUID, dataclass.UUIDBraced: dataclass.SegmentUUID,
	dataclass.ULID: dataclass.SegmentULID, dataclass.KSUID: dataclass.SegmentKSUID,
	dataclass.Hex: dataclass.SegmentHex, dataclass.Base64: dataclass.SegmentToken, dataclass.Base62: dataclass.SegmentToken,
	dataclass.PrefixedID: dataclass.SegmentPrefixed,
	dataclass.Date:       dataclass.SegmentDate, dataclass.DateLoose: dataclass.SegmentDate, dataclass.DateTime: dataclass.SegmentDate,
	dataclass.DateTimeLocal: dataclass.SegmentDate, dataclass.HTTPDate: dataclass.SegmentDate,
	dataclass.Email: dataclass.SegmentEmail, dataclass.IPv4: dataclass.SegmentIP, dataclass.IPv6: dataclass.SegmentIP,
	dataclass.MAC: dataclass.SegmentPrefixed, dataclass.Locale: dataclass.SegmentLocale,
	dataclass.Country: dataclass.SegmentWord, dataclass.Currency: dataclass.SegmentWord,
	dataclass.Version: dataclass.SegmentVersion, dataclass.Filename: dataclass.SegmentFile,
	dataclass.Slug: dataclass.SegmentSlug, dataclass.Hostname: dataclass.SegmentSlug, dataclass.Word: dataclass.SegmentWord,
	dataclass.GeoPoint: dataclass.SegmentNumber,
	dataclass.JWT:      dataclass.SegmentToken, dataclass.CredentialKey: dataclass.SegmentToken, dataclass.PasswordHash: dataclass.SegmentToken,
	dataclass.PAN: dataclass.SegmentPhone, dataclass.IBAN: dataclass.SegmentPrefixed, dataclass.SSN: dataclass.SegmentPhone,
	dataclass.Phone: dataclass.SegmentPhone, dataclass.NHSNumber: dataclass.SegmentPhone,
}

// classOf tells what a path segment is from the recognisers that hit.
func classOf(o *event.Observation) dataclass.SegmentClass {
	c, _, ok := dataclass.Set(o.Classes).First()
	if !ok {
		return dataclass.SegmentOther
	}
	return segmentClasses[c&63]
}
