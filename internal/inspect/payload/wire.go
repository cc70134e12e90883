package payload

import (
	"bytes"

	"merlon/internal/model/dataclass"
	"merlon/internal/model/exchange"
	"merlon/internal/model/finding"
)

// Wire reports how the bytes of a message departed from HTTP: each anomaly that the codec noted is one finding, with the
// codec's own meaning, reference and severity. It is where request smuggling, host confusion and header hiding show
// (CWE-444).
//
// False positive: old but honest clients; what only such clients do (a leading empty line, absolute-form to a gateway) is
// low. Silent: an exchange without anomalies, and a source that does not see the wire, since it notes none.
type Wire struct {
	rules [exchange.AnomalyCount]Rule
}

// NewWire makes the detector from the codec's table.
func NewWire() *Wire {
	w := &Wire{}
	for a := exchange.Anomaly(1); int(a) < exchange.AnomalyCount; a++ {
		d := a.Describe()
		r := Rule{ID: d.Name, Severity: severity(d.Severity), Why: d.Meaning + " (" + d.Reference + ")"}
		if d.CWE != "" {
			r.Classes = []string{d.CWE}
		}
		w.rules[a] = r
	}
	return w
}

// Name is "wire".
func (*Wire) Name() string { return "wire" }

// Rules lists one finding for each anomaly.
func (w *Wire) Rules() []Rule { return append([]Rule(nil), w.rules[1:]...) }

// Detect reports the anomalies that no earlier phase told.
func (w *Wire) Detect(in *Input, out []finding.Finding) []finding.Finding {
	news := in.Exchange.Anomalies &^ in.Told
	if news == 0 {
		return out
	}
	evidence := ""
	if !in.Response { // only the request's head is kept
		evidence = string(appendHead(nil, in.Exchange.RawHead))
	}
	for a := range news.All() {
		if int(a) >= len(w.rules) {
			continue
		}
		r := &w.rules[a]
		out = append(out, finding.Finding{
			ID: r.ID, Stage: finding.StageWire, Classes: r.Classes, Severity: r.Severity, Score: 1, Where: "wire", Evidence: evidence, Why: r.Why,
		})
	}
	return out
}

func severity(s uint8) finding.Severity {
	switch s {
	case exchange.AnomalyCritical:
		return finding.Critical
	case exchange.AnomalyHigh:
		return finding.High
	case exchange.AnomalyMedium:
		return finding.Medium
	}
	return finding.Low
}

// maxEvidence bounds the masked head: the lines that matter to framing stand early in what attackers send.
const maxEvidence = 768

// appendHead appends a raw head so that its framing can be read and nothing else: line ends are written out, names stay,
// and so do the values that decide framing and routing; every other value appears masked. A line that is no field, which
// may be the rest of a folded credential, shows its shape only.
func appendHead(dst, head []byte) []byte {
	limit := len(dst) + maxEvidence
	for first := true; len(head) > 0; first = false {
		if len(dst) > limit {
			return append(dst, "..."...)
		}
		line, ending := head, ""
		if lf := bytes.IndexByte(head, '\n'); lf >= 0 {
			line, head, ending = head[:lf], head[lf+1:], `\n`
			if n := len(line); n > 0 && line[n-1] == '\r' {
				line, ending = line[:n-1], `\r\n`
			}
		} else {
			head = nil
		}
		colon := bytes.IndexByte(line, ':')
		switch {
		case first:
			dst = appendStart(dst, line)
		case colon > 0 && line[0] > ' ' && len(line[:colon]) <= 64:
			dst = appendField(dst, line[:colon], line[colon+1:])
		default:
			dst = dataclass.AppendMasked(dst, line, 0)
		}
		dst = append(dst, ending...)
		if len(head) > 0 {
			dst = append(dst, ' ')
		}
	}
	return dst
}

// appendStart appends a start line: the path's shape, names of the query, and their values masked.
func appendStart(dst, line []byte) []byte {
	line = line[:min(len(line), 512)]
	target, rest := line, []byte(nil)
	if q := bytes.IndexByte(line, '?'); q >= 0 {
		target, rest = line[:q], line[q:]
	}
	for i, seg := range bytes.SplitAfter(target, []byte("/")) {
		word := bytes.TrimSuffix(seg, []byte("/"))
		if set, _ := dataclass.Recognise(word); i > 0 && (dataclass.Segment(word).Typed() || set.Sensitive()) && bytes.IndexByte(word, ' ') < 0 {
			dst = dataclass.AppendMasked(dst, word, set)
		} else {
			dst = appendVisible(dst, word)
		}
		if len(word) < len(seg) {
			dst = append(dst, '/')
		}
	}
	for _, pair := range bytes.SplitAfter(rest, []byte("&")) {
		eq := bytes.IndexByte(pair, '=')
		if eq < 0 {
			dst = dataclass.AppendMasked(dst, pair, 0)
			continue
		}
		dst = append(appendVisible(dst, pair[:min(eq, 64)]), '=')
		value, tail := pair[eq+1:], ""
		if bytes.HasSuffix(value, []byte("&")) {
			value, tail = value[:len(value)-1], "&"
		} else if sp := bytes.LastIndex(value, []byte(" HTTP/")); sp >= 0 {
			value, tail = value[:sp], string(appendVisible(nil, value[sp:]))
		}
		dst = append(appendValue(dst, pair[:eq], value), tail...)
	}
	return dst
}

// appendField appends name and value of a field line.
func appendField(dst, name, value []byte) []byte {
	dst = append(appendVisible(dst, name), ':')
	if len(value) > 0 && value[0] == ' ' {
		dst = append(dst, ' ')
	}
	value = bytes.TrimSpace(value)
	switch exchange.LookupHeader(bytes.TrimSpace(name)) {
	case exchange.HeaderHost, exchange.HeaderContentLength, exchange.HeaderTransferEncoding, exchange.HeaderConnection, exchange.HeaderTE,
		exchange.HeaderTrailer, exchange.HeaderUpgrade, exchange.HeaderExpect, exchange.HeaderContentEncoding:
		if set, _ := dataclass.Recognise(value); !set.Sensitive() {
			return appendVisible(dst, value[:min(len(value), 96)])
		}
	case exchange.HeaderCookie, exchange.HeaderSetCookie, exchange.HeaderAuthorization, exchange.HeaderProxyAuthorization:
		return dataclass.AppendSecret(dst, "hidden", len(value))
	}
	return appendValue(dst, name, value)
}

func appendValue(dst, name, value []byte) []byte {
	if dataclass.IsSecretName(name) {
		return dataclass.AppendSecret(dst, "hidden", len(value))
	}
	set, _ := dataclass.Recognise(value)
	return dataclass.AppendMasked(dst, value, set)
}

// appendVisible appends text with everything but printable ASCII escaped.
func appendVisible(dst, v []byte) []byte {
	const hex = "0123456789abcdef"
	for _, c := range v {
		if c < ' ' || c >= 0x7f {
			dst = append(dst, '\\', 'x', hex[c>>4], hex[c&15])
			continue
		}
		dst = append(dst, c)
	}
	return dst
}
