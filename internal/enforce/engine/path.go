package engine

// cleanPath is the path that is judged: percent-decoded once, dot segments resolved (RFC 3986 section 5.2.4). scratch is
// used when the result differs from p; the ordinary path is returned as it is. What the upstream receives is the path as
// it was sent: an encoded slash or a dot segment is an anomaly of the wire, and policy decides about those.
func cleanPath(p, scratch []byte) (clean, used []byte) {
	if isClean(p) {
		return p, scratch
	}
	out := scratch[:0]
	for i := 0; i < len(p); i++ {
		if p[i] == '%' && i+2 < len(p) {
			hi, lo := unhex(p[i+1]), unhex(p[i+2])
			if hi < 16 && lo < 16 {
				out = append(out, hi<<4|lo)
				i += 2
				continue
			}
		}
		out = append(out, p[i])
	}
	return removeDots(out), out
}

// isClean tells whether a path needs no decoding and has no dot segment.
func isClean(p []byte) bool {
	for i, b := range p {
		if b == '%' || b == '.' && (i == 0 || p[i-1] == '/') {
			return false
		}
	}
	return true
}

// removeDots resolves "." and ".." segments in place; ".." above the root stays at the root.
func removeDots(p []byte) []byte {
	out := p[:0]
	for i := 0; i < len(p); {
		end := i + 1
		for end < len(p) && p[end] != '/' {
			end++
		}
		switch segment := p[i:end]; string(segment) {
		case "/.":
			if end == len(p) {
				out = append(out, '/')
			}
		case "/..":
			for len(out) > 0 {
				last := out[len(out)-1]
				out = out[:len(out)-1]
				if last == '/' {
					break
				}
			}
			if end == len(p) {
				out = append(out, '/')
			}
		default:
			out = append(out, segment...)
		}
		i = end
	}
	if len(out) == 0 {
		out = append(out, '/')
	}
	return out
}

func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	default:
		return 255
	}
}

// lowerHost is host in lower case without a trailing dot. The ordinary host is returned as it is.
func lowerHost(host, scratch []byte) (lower, used []byte) {
	if n := len(host); n > 1 && host[n-1] == '.' {
		host = host[:n-1]
	}
	for _, b := range host {
		if 'A' <= b && b <= 'Z' {
			out := append(scratch[:0], host...)
			for i, b := range out {
				if 'A' <= b && b <= 'Z' {
					out[i] = b | 0x20
				}
			}
			return out, out
		}
	}
	return host, scratch
}
