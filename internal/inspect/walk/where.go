package walk

import (
	"bytes"
	"strconv"

	"merlon/internal/model/exchange"
)

// Where is the place of leaf i in the words of a finding: "query.q", "path.2", "header.x", "body.items[].name". A name
// that is itself a value appears as its class, so that no address or number stands in a report.
func Where(leaves []exchange.Leaf, i int) string {
	return string(AppendWhere(nil, leaves, i))
}

// AppendWhere appends what Where returns.
func AppendWhere(dst []byte, leaves []exchange.Leaf, i int) []byte {
	l := &leaves[i]
	if l.Part == exchange.InPath {
		dst = append(dst, "path."...)
		return strconv.AppendInt(dst, int64(i), 10)
	}
	// The chain from the root, bounded as depth is.
	var chain [72]int32
	n := 0
	for at := int32(i); at >= 0 && n < len(chain); at = leaves[at].Parent {
		chain[n] = at
		n++
	}
	dst = append(dst, l.Part.String()...)
	for n--; n >= 0; n-- {
		m := &leaves[chain[n]]
		switch {
		case len(m.Name) > 0:
			dst = append(dst, '.')
			dst = appendPrintable(dst, m.Name)
		case m.Parent >= 0 && leaves[m.Parent].Kind == exchange.KindArray:
			dst = append(dst, "[]"...)
		case m.Parent >= 0: // a member whose name is empty
			dst = append(dst, ".\"\""...)
		}
	}
	return dst
}

func appendPrintable(dst, name []byte) []byte {
	if class, ok := typedName(name); ok {
		return append(dst, typedLabels[class]...)
	}
	if len(name) > maxName {
		name = name[:maxName]
	}
	if bytes.IndexFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '.' || r == 0xfffd }) < 0 {
		return append(dst, name...)
	}
	return strconv.AppendQuoteToASCII(dst, string(name))
}
