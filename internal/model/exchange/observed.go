package exchange

// observedNames are the words of Observed by bit. They are part of stored lines: append only.
var observedNames = [...]string{
	"request-line", "request-headers", "header-order", "request-body", "status", "response-headers", "response-body", "latency", "client",
	"credentials", "wire", "user-agent",
}

// Names lists the parts in a fixed order.
func (o Observed) Names() (out []string) {
	for i, name := range observedNames {
		if o>>i&1 != 0 {
			out = append(out, name)
		}
	}
	return out
}

// ParseObserved reads the words of Names; unknown ones are parts that this version does not know, and are left out.
func ParseObserved(names []string) (o Observed) {
	for _, name := range names {
		for i, known := range observedNames {
			if name == known {
				o |= 1 << i
			}
		}
	}
	return o
}
