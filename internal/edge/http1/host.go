package http1

import (
	"bytes"

	"merlon/internal/model/exchange"
)

// judgeHost checks that there is one host and that all who name it agree.
func (h *RequestHead) judgeHost(l *Limits) {
	field := h.Value(exchange.HeaderHost)
	if h.dups&(1<<exchange.HeaderHost) != 0 {
		h.Anomalies.Add(exchange.AnomalyDuplicateHost)
	}
	if len(field) == 0 && h.Minor != 0 {
		h.Anomalies.Add(exchange.AnomalyMissingHost)
	}
	switch {
	case h.Host == nil:
		h.Host = field
	case len(field) != 0 && !bytes.EqualFold(h.Host, field):
		h.Anomalies.Add(exchange.AnomalyAbsoluteFormHost)
	}
	if len(h.Host) == 0 {
		return
	}
	n := hostnameLength(h.Host)
	if n == 0 || len(h.Host) > l.HostBytes {
		h.Anomalies.Add(exchange.AnomalyBadHost)
		return
	}
	h.Hostname = h.Host[:n:n]
}

// hostnameLength checks uri-host [":" port] and returns the length of the host part, 0 when it is wrong. RFC 3986 allows
// more in a reg-name (percent-encoding, sub-delims); no name that resolves needs it, and every byte of it is read
// differently somewhere.
func hostnameLength(b []byte) int {
	i := 0
	if b[0] == '[' {
		for i++; i < len(b) && (byteClass[b[i]]&classHex != 0 || b[i] == ':' || b[i] == '.'); i++ {
		}
		if i < 3 || i == len(b) || b[i] != ']' {
			return 0
		}
		i++
	} else {
		for i < len(b) && byteClass[b[i]]&classHost != 0 {
			i++
		}
	}
	n := i
	if i == len(b) {
		return n
	}
	if b[i] != ':' || len(b)-i > 6 {
		return 0
	}
	port := 0
	for i++; i < len(b); i++ {
		if b[i]-'0' > 9 {
			return 0
		}
		port = port*10 + int(b[i]-'0')
	}
	if port > 65535 {
		return 0
	}
	return n
}
