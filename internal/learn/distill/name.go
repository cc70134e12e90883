package distill

import (
	"math/bits"
	"strconv"
	"strings"
	"unicode"

	"merlon/internal/learn/distill/paths"
	"merlon/internal/model/dataclass"
)

// name gives every learned parameter a name: of what stands before it ("patients" gives patientId), otherwise of its kind.
// Templates of descriptions keep the names of their authors, and published ones theirs.
func (d *distiller) name(drafts []*draft) {
	published := map[string]paths.Template{}
	for i := range d.previous {
		e := &d.previous[i]
		n := &draft{host: e.Host, method: e.Method, template: paths.Parse(e.Template)}
		published[n.key()] = n.template
	}
	for _, n := range drafts {
		if n.operation != nil {
			continue
		}
		for i, p := range published[n.key()] {
			n.template[i].Name = p.Name
		}
		used := map[string]bool{}
		for i := range n.template {
			if p := &n.template[i]; p.Param {
				if p.Name == "" || used[p.Name] {
					p.Name = unique(parameterName(n.template[:i], p.Classes), used)
				}
				used[p.Name] = true
			}
		}
	}
}

func unique(name string, used map[string]bool) string {
	if !used[name] {
		return name
	}
	for i := 2; ; i++ {
		if n := name + strconv.Itoa(i); !used[n] {
			return n
		}
	}
}

// ownNames are classes that say what the value is; the others only say that it names a thing.
const ownNames = 1<<dataclass.SegmentDate | 1<<dataclass.SegmentEmail | 1<<dataclass.SegmentLocale | 1<<dataclass.SegmentIP |
	1<<dataclass.SegmentPhone | 1<<dataclass.SegmentFile | 1<<dataclass.SegmentVersion

// opaque are classes of ids.
const opaque = 1<<dataclass.SegmentInt | 1<<dataclass.SegmentUUID | 1<<dataclass.SegmentULID | 1<<dataclass.SegmentKSUID |
	1<<dataclass.SegmentHex | 1<<dataclass.SegmentToken | 1<<dataclass.SegmentPrefixed | 1<<dataclass.SegmentNumber

func parameterName(before paths.Template, classes uint32) string {
	class := dataclass.SegmentOther
	if bits.OnesCount32(classes) == 1 {
		class = dataclass.SegmentClass(bits.TrailingZeros32(classes))
		if classes&ownNames != 0 {
			return class.ParamName()
		}
	}
	if n := len(before); n > 0 && !before[n-1].Param {
		if word := camel(singular(before[n-1].Text)); word != "" {
			if classes&^opaque == 0 || singular(before[n-1].Text) == before[n-1].Text {
				return word + "Id"
			}
			return word
		}
	}
	if classes&opaque != 0 {
		return "id"
	}
	return class.ParamName()
}

// singular is good enough for the plurals that paths use.
func singular(w string) string {
	low := strings.ToLower(w)
	switch {
	case len(w) < 4 || strings.HasSuffix(low, "ss") || strings.HasSuffix(low, "us") || strings.HasSuffix(low, "is"):
		return w
	case strings.HasSuffix(low, "ies"):
		return w[:len(w)-3] + "y"
	case strings.HasSuffix(low, "sses"), strings.HasSuffix(low, "shes"), strings.HasSuffix(low, "ches"), strings.HasSuffix(low, "xes"), strings.HasSuffix(low, "uses"):
		return w[:len(w)-2]
	case strings.HasSuffix(low, "s"):
		return w[:len(w)-1]
	}
	return w
}

// camel joins the words of a segment: user-profiles gives userProfiles. Empty when it does not begin with a letter.
func camel(s string) string {
	var b strings.Builder
	up := false
	for _, r := range s {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r) && b.Len() > 0:
			if up {
				r = unicode.ToUpper(r)
			} else if b.Len() == 0 {
				r = unicode.ToLower(r)
			}
			b.WriteRune(r)
			up = false
		default:
			up = b.Len() > 0
		}
	}
	return b.String()
}
