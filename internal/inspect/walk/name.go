package walk

import (
	"encoding/binary"

	"merlon/internal/model/dataclass"
	"merlon/internal/model/exchange"
)

// traits is what a name says about the value under it.
type traits uint8

const (
	nameSecret   traits = 1 << iota // a credential stands here
	nameObject                      // an object is named here
	namePersonal                    // a person's own words stand here: no literal travels
	nameTyped                       // the name is itself a value (a map keyed by id, address or date)
	nameKnown                       // the cache entry is filled
	namePlain                       // it stands in JSON as it is
)

// cacheTraits are about an entry of a cache, not about the name.
const cacheTraits = nameKnown | namePlain

// maxName is how many bytes of a name leave the request; real names are shorter.
const maxName = 64

// Member is the location of the member or parameter called name inside parent. A name that is itself a value, as in a
// map keyed by id, does not make a location of its own: all such keys of one class share one.
func Member(parent uint64, name []byte) uint64 {
	if class, ok := typedName(name); ok {
		return exchange.ElementLoc(parent) + uint64(class)
	}
	return exchange.MemberLoc(parent, name)
}

// typedNames are the classes that no programmer gives to a field: "address1" and "sha256" are names, so codes are not
// among them.
const typedNames = 1<<dataclass.SegmentInt | 1<<dataclass.SegmentNumber | 1<<dataclass.SegmentUUID | 1<<dataclass.SegmentULID |
	1<<dataclass.SegmentKSUID | 1<<dataclass.SegmentDate | 1<<dataclass.SegmentEmail | 1<<dataclass.SegmentIP |
	1<<dataclass.SegmentPhone

// typedName tells whether a name is a value, and of which class.
func typedName(name []byte) (dataclass.SegmentClass, bool) {
	digits := 0
	for _, c := range name {
		switch {
		case c-'0' < 10:
			digits++
		case c == '@':
			digits = len(name)
		}
	}
	if digits == 0 && len(name) <= maxName {
		return 0, false
	}
	class := dataclass.Segment(name)
	if uint64(1)<<class&typedNames != 0 {
		return class, true
	}
	// Opaque text and codes count as values when digits say that they are no words.
	opaque := class == dataclass.SegmentHex || class == dataclass.SegmentToken || class == dataclass.SegmentPrefixed
	return class, opaque && (len(name) >= 16 && digits >= 2 || digits >= 4)
}

// traitsOf judges a name.
func traitsOf(name []byte) (t traits) {
	if len(name) == 0 {
		return 0
	}
	if dataclass.IsSecretName(name) {
		t |= nameSecret
	}
	if objectName(name) {
		t |= nameObject
	}
	if personalName(name) {
		t |= namePersonal
	}
	if _, ok := typedName(name); ok {
		t |= nameTyped
	}
	return t
}

// objectName tells names such as id, patientId, patient_id, order-ids, invoiceNumber, sku.
func objectName(name []byte) bool {
	var buf [24]byte
	n := lower(buf[:], name) // the last 24 bytes decide
	s := buf[:n]
	switch string(s) {
	case "id", "ids", "uuid", "uuids", "guid", "_id", "number", "no", "ref", "reference", "sku", "oid", "pid", "uid", "username", "login", "handle", "account":
		return true
	}
	tail := func(suffix string) bool {
		k := len(s) - len(suffix)
		if k <= 0 || string(s[k:]) != suffix {
			return false
		}
		// A new word begins at the suffix: behind a separator or with a capital.
		at := len(name) - len(suffix)
		return name[at-1] == '_' || name[at-1] == '-' || name[at-1] == '.' || name[at-1] == ':' || name[at]-'A' < 26
	}
	return tail("id") || tail("ids") || tail("uuid") || tail("guid") || tail("number") || tail("no") || tail("ref") ||
		tail("reference") || tail("key") || tail("slug")
}

// personalName knows fields that hold people's own words; their values are never kept as vocabulary. It looks for the
// words anywhere in the name, and lets the first letter decide where to look: a body of made-up names must stay cheap.
func personalName(name []byte) bool {
	var buf [32]byte
	s := buf[:lower(buf[:], name)]
	for i, c := range s {
		at := s[i:]
		hit := false
		switch c {
		case 'a':
			hit = begins(at, "addr")
		case 'b':
			hit = begins(at, "birth")
		case 'c':
			hit = begins(at, "city") || begins(at, "comment") || begins(at, "content")
		case 'd':
			hit = begins(at, "descr") || begins(at, "diagnos")
		case 'l':
			hit = begins(at, "location")
		case 'm':
			hit = begins(at, "mail") || begins(at, "message") || begins(at, "mobile")
		case 'n':
			hit = begins(at, "name") || begins(at, "note")
		case 'p':
			hit = begins(at, "phone")
		case 'q':
			hit = begins(at, "query")
		case 's':
			hit = begins(at, "street") || begins(at, "subject") || begins(at, "search")
		case 't':
			hit = begins(at, "text") || begins(at, "title") || begins(at, "town")
		case 'u':
			hit = string(at) == "user" // who, where userType and the like are vocabulary
		}
		if hit {
			return true
		}
	}
	return false
}

func begins(b []byte, word string) bool { return len(b) >= len(word) && string(b[:len(word)]) == word }

// lower copies the end of name that fits into dst, in lower case, and returns its length.
func lower(dst, name []byte) int {
	if len(name) > len(dst) {
		name = name[len(name)-len(dst):]
	}
	for i, c := range name {
		if c-'A' < 26 {
			c |= 0x20
		}
		dst[i] = c
	}
	return len(name)
}

// nameCache remembers the traits of recent names: an API has few, and judging one costs more than the walk of its value
// (BenchmarkNames: 700 ns against 15). An entry is compared byte for byte, so that no made-up name can stand for another.
type nameCache [256][2]nameEntry

type nameEntry struct {
	name   [29]byte
	length uint8
	class  dataclass.SegmentClass
	traits traits
}

// look returns the location of a name inside parent, the same before names that are values share one, and the traits.
func (c *nameCache) look(parent uint64, name []byte) (loc, own uint64, t traits) {
	own = exchange.MemberLoc(parent, name)
	loc = own
	if len(name) > len(nameEntry{}.name) {
		if t = traitsOf(name); t&nameTyped != 0 {
			loc = Member(parent, name)
		}
		return loc, own, t
	}
	set := &c[slot(name)]
	e := &set[0]
	if !e.is(name) {
		if e = &set[1]; !e.is(name) {
			set[1] = set[0] // the newest stands first, so that the older one goes
			e = &set[0]
			e.length = uint8(copy(e.name[:], name))
			e.class, _ = typedName(name)
			e.traits = traitsOf(name) | nameKnown
		}
	}
	if e.traits&nameTyped != 0 {
		loc = exchange.ElementLoc(parent) + uint64(e.class)
	}
	return loc, own, e.traits &^ nameKnown
}

func (e *nameEntry) is(name []byte) bool {
	return e.traits&nameKnown != 0 && string(e.name[:e.length]) == string(name)
}

// slot spreads names over the cache by their ends and length.
func slot(name []byte) uint8 {
	n := len(name)
	var a, b uint64
	switch {
	case n >= 8:
		a, b = binary.LittleEndian.Uint64(name), binary.LittleEndian.Uint64(name[n-8:])
	case n >= 4:
		a, b = uint64(binary.LittleEndian.Uint32(name)), uint64(binary.LittleEndian.Uint32(name[n-4:]))
	case n > 0:
		a, b = uint64(name[0])|uint64(name[n/2])<<8, uint64(name[n-1])
	}
	return uint8(((a+uint64(n))*0x9fb21c651e98df25 ^ b*0xe7037ed1a0b428db) * 0x9e3779b97f4a7c15 >> 56)
}

// seenSet finds names that stand twice in one container: open addressing over (container, name), cleared by generation.
// The seed keeps callers from choosing names that meet in one place.
type seenSet struct {
	seed  uint64
	slots [1024]struct {
		key uint64
		gen uint32
	}
	gen  uint32
	used int
}

func (s *seenSet) clear() {
	s.gen++
	s.used = 0
	if s.gen == 0 { // wrapped: old marks would look fresh
		*s = seenSet{seed: s.seed, gen: 1}
	}
}

// add reports whether key was there already. Past three quarters it only looks, so that a search always ends.
func (s *seenSet) add(key uint64) bool {
	const mask = uint64(len(s.slots) - 1)
	for i := (key ^ s.seed) * 0x9e3779b97f4a7c15 >> 40; ; i++ {
		slot := &s.slots[i&mask]
		if slot.gen != s.gen {
			if s.used < len(s.slots)*3/4 {
				slot.key, slot.gen = key, s.gen
				s.used++
			}
			return false
		}
		if slot.key == key {
			return true
		}
	}
}

// containerMix spreads the index of a container over the key of its members.
const containerMix = 0x9fb21c651e98df25

// twice tells whether the container at index parent had the member with that own location before.
func (w *Walker) twice(parent int32, own uint64) bool {
	return w.seen.add(own ^ uint64(uint32(parent))*containerMix)
}
