package paths

import "strings"

// withoutCalls leaves out of siblings what names a remote procedure call: /package.Service/Method (gRPC,
// PROTOCOL-HTTP2.md). A service has as many methods, and they answer as much alike, as things do that an id names; their
// names are the API all the same.
func withoutCalls(parent *node, children []*node, depth int) []*node {
	isCall := func(c *node) bool {
		return depth == 0 && isService(c.key) || depth == 1 && isService(parent.key) && isIdentifier(c.key)
	}
	var out []*node
	for i, c := range children {
		if isCall(c) {
			if out == nil {
				out = append(make([]*node, 0, len(children)), children[:i]...)
			}
		} else if out != nil {
			out = append(out, c)
		}
	}
	if out == nil {
		return children
	}
	return out
}

// isService tells a qualified name: identifiers with dots between them, of which the last begins with a capital letter as
// services do.
func isService(word string) bool {
	dot := strings.LastIndexByte(word, '.')
	if dot <= 0 || !isIdentifier(word[dot+1:]) || word[dot+1] < 'A' || word[dot+1] > 'Z' {
		return false
	}
	for part := range strings.SplitSeq(word[:dot], ".") {
		if !isIdentifier(part) {
			return false
		}
	}
	return true
}

// isIdentifier tells a name as protobuf has them: letters, digits and '_', not beginning with a digit.
func isIdentifier(word string) bool {
	for i := range len(word) {
		c := word[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return word != ""
}
