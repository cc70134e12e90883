package exchange

import (
	"iter"
	"math/bits"
)

// Anomaly is one way in which the bytes of a message depart from RFC 9112 and RFC 9110, or press against a limit.
// The zero value means none. The numbers are internal to a build; only the names of Describe are stable.
type Anomaly uint8

// The anomalies, in the order in which a message is read. anomalyTable gives each its name and meaning.
const (
	_ Anomaly = iota

	// Bytes and lines.
	AnomalyBareLF
	AnomalyBareCR
	AnomalyNUL
	AnomalyControlCharacter
	AnomalyObsFold
	AnomalyLeadingCRLF
	AnomalyNonASCIIField

	// Start line.
	AnomalyBadRequestLine
	AnomalyBadMethod
	AnomalyBadTarget
	AnomalyBadVersion
	AnomalyConnect
	AnomalyAbsoluteForm
	AnomalyAbsoluteFormHost
	AnomalyFragment
	AnomalyTargetCharacter
	AnomalyNonASCIITarget
	AnomalyBadPercentEncoding
	AnomalyEncodedSlash
	AnomalyEncodedControl
	AnomalyDotSegment
	AnomalyBackslash
	AnomalyBadStatusLine
	AnomalyStatusOutOfRange

	// Fields.
	AnomalyBadFieldName
	AnomalySpaceBeforeColon
	AnomalyUnderscoreField
	AnomalyDuplicateField
	AnomalyMissingHost
	AnomalyDuplicateHost
	AnomalyBadHost

	// Framing.
	AnomalyBadContentLength
	AnomalyDuplicateContentLength
	AnomalyDifferingContentLength
	AnomalyCLTE
	AnomalyDuplicateTransferEncoding
	AnomalyUnknownTransferCoding
	AnomalyTEOnHTTP10
	AnomalyUnexpectedBody
	AnomalyBodyNotAllowed

	// Chunked bodies.
	AnomalyBadChunk
	AnomalyChunkSizeOverflow
	AnomalyChunkExtension
	AnomalyChunkExtensionTooLong
	AnomalyForbiddenTrailer
	AnomalyTrailerTooLarge

	// Connection.
	AnomalyConnectionEndToEnd
	AnomalyTooManyConnectionOptions
	AnomalyUpgradeUnsupported
	AnomalyBadWebSocket
	AnomalyUnrequestedUpgrade
	AnomalyExpectUnknown

	// Limits and life of the connection.
	AnomalyLineTooLong
	AnomalyHeaderTooLarge
	AnomalyTooManyHeaders
	AnomalyBodyTooLarge
	AnomalyIncomplete
	AnomalyTimeout
	AnomalyUnsolicitedResponse

	// HTTP/2. Sets are stored as bits, so what is new stands at the end.
	AnomalyHTTP2Flood
	AnomalyHTTP2Malformed

	// TLS.
	AnomalyPlainHTTP

	anomalyCount
)

// AnomalyCount is one more than the highest Anomaly; Anomaly(1) to AnomalyCount-1 all exist.
const AnomalyCount = int(anomalyCount)

// Anomalies is a set of Anomaly as one bit each. The zero value is the empty set.
type Anomalies uint64

// Compile-time proof that every anomaly has a bit.
const _ = uint(64 - anomalyCount)

// Has reports whether a is in the set.
func (s Anomalies) Has(a Anomaly) bool { return s&(1<<a) != 0 }

// Add puts a into the set.
func (s *Anomalies) Add(a Anomaly) { *s |= 1 << a }

// Union puts all of t into the set.
func (s *Anomalies) Union(t Anomalies) { *s |= t }

// Len is the number of anomalies in the set.
func (s Anomalies) Len() int { return bits.OnesCount64(uint64(s)) }

// All yields the anomalies of the set in the order of their declaration.
func (s Anomalies) All() iter.Seq[Anomaly] {
	return func(yield func(Anomaly) bool) {
		for rest := uint64(s); rest != 0; rest &= rest - 1 {
			if !yield(Anomaly(bits.TrailingZeros64(rest))) {
				return
			}
		}
	}
}

// Severity of an anomaly, on the four steps findings use.
const (
	AnomalyLow      uint8 = 1
	AnomalyMedium   uint8 = 2
	AnomalyHigh     uint8 = 3
	AnomalyCritical uint8 = 4
)

// AnomalyDescription says what an Anomaly means and what the codec does about it.
type AnomalyDescription struct {
	Name            string // stable finding id, "wire.…"
	Meaning         string // one sentence for people
	Reference       string // where the rule stands, such as "RFC 9112 section 2.2"
	CWE             string // "CWE-444" where the anomaly lets two parties disagree on message boundaries, host or path, "CWE-770" where it wears out a resource; else empty
	Severity        uint8  // AnomalyLow to AnomalyCritical
	RejectsRequest  bool   // a request with it is refused; otherwise it is only noted
	RejectsResponse bool   // a response with it is refused and the client gets 502; otherwise it is only noted
	Status          uint16 // status code that answers a refused request; 0 when there is nobody to answer or nothing is refused
}

// Describe returns the description of a; for a value outside the declared ones it returns the zero AnomalyDescription.
func (a Anomaly) Describe() AnomalyDescription {
	if a >= anomalyCount {
		return AnomalyDescription{}
	}
	return anomalyTable[a]
}

// String is the stable name of a, or "wire.unknown".
func (a Anomaly) String() string {
	if a == 0 || a >= anomalyCount {
		return "wire.unknown"
	}
	return anomalyTable[a].Name
}

// ParseAnomaly finds the anomaly with a stable name; ok is false when there is none.
func ParseAnomaly(name string) (a Anomaly, ok bool) {
	for a := Anomaly(1); a < anomalyCount; a++ {
		if anomalyTable[a].Name == name {
			return a, true
		}
	}
	return 0, false
}

const cweSmuggling = "CWE-444"

// anomalyTable is read-only data. Columns: name, meaning, reference, CWE, severity, refuses request, refuses response, status.
var anomalyTable = [anomalyCount]AnomalyDescription{
	AnomalyBareLF:           {"wire.bare-lf", "A line ends with LF alone, which some parsers take as a line end and others as data.", "RFC 9112 section 2.2", cweSmuggling, AnomalyHigh, true, false, 400},
	AnomalyBareCR:           {"wire.bare-cr", "A CR stands without LF, which some parsers take as a line end and others as data.", "RFC 9112 section 2.2", cweSmuggling, AnomalyHigh, true, true, 400},
	AnomalyNUL:              {"wire.nul", "A NUL byte stands in the head, where it can cut strings short in other parsers.", "RFC 9110 section 5.5", cweSmuggling, AnomalyHigh, true, true, 400},
	AnomalyControlCharacter: {"wire.control-character", "A control character other than tab stands in the head.", "RFC 9110 section 5.5", cweSmuggling, AnomalyHigh, true, true, 400},
	AnomalyObsFold:          {"wire.obs-fold", "A field line begins with white space (obsolete line folding, or a field hidden from some parsers).", "RFC 9112 section 5.2", cweSmuggling, AnomalyHigh, true, true, 400},
	AnomalyLeadingCRLF:      {"wire.leading-crlf", "One empty line stands before the request line.", "RFC 9112 section 2.2", "", AnomalyLow, false, false, 0},
	AnomalyNonASCIIField:    {"wire.non-ascii-field", "A field value holds bytes above 0x7F, whose meaning is not defined.", "RFC 9110 section 5.5", "", AnomalyLow, false, false, 0},

	AnomalyBadRequestLine:     {"wire.bad-request-line", "The request line is not method, one space, target, one space, version.", "RFC 9112 section 3", cweSmuggling, AnomalyHigh, true, false, 400},
	AnomalyBadMethod:          {"wire.bad-method", "The method is empty, too long, or not a token.", "RFC 9110 section 9.1", "", AnomalyMedium, true, false, 400},
	AnomalyBadTarget:          {"wire.bad-target", "The request target has none of the four forms, the wrong form for its method, or a forbidden byte.", "RFC 9112 section 3.2", cweSmuggling, AnomalyMedium, true, false, 400},
	AnomalyBadVersion:         {"wire.bad-version", "The version is not HTTP/1.0 or HTTP/1.1 exactly.", "RFC 9112 section 2.3", "", AnomalyMedium, true, true, 505},
	AnomalyConnect:            {"wire.connect", "CONNECT asks a gateway that is no tunnel to open one.", "RFC 9110 section 9.3.6", "", AnomalyHigh, true, false, 405},
	AnomalyAbsoluteForm:       {"wire.absolute-form", "The target is a whole URI as sent to forward proxies; it agrees with Host.", "RFC 9112 section 3.2.2", "", AnomalyLow, false, false, 0},
	AnomalyAbsoluteFormHost:   {"wire.absolute-form-host", "The target's authority and the Host field name different hosts.", "RFC 9112 section 3.2.2", cweSmuggling, AnomalyHigh, true, false, 400},
	AnomalyFragment:           {"wire.fragment-in-target", "The target holds a '#', which never belongs on the wire and cuts the path in some parsers only.", "RFC 9112 section 3.2", cweSmuggling, AnomalyMedium, true, false, 400},
	AnomalyTargetCharacter:    {"wire.target-character", "The target holds printable characters that a URI must percent-encode.", "RFC 3986 section 3.3", "", AnomalyLow, false, false, 0},
	AnomalyNonASCIITarget:     {"wire.non-ascii-target", "The target holds bytes above 0x7F that a URI must percent-encode.", "RFC 3986 section 2.1", "", AnomalyLow, false, false, 0},
	AnomalyBadPercentEncoding: {"wire.bad-percent-encoding", "A '%' in the path is not followed by two hexadecimal digits.", "RFC 3986 section 2.1", "", AnomalyMedium, false, false, 0},
	AnomalyEncodedSlash:       {"wire.encoded-slash", "The path holds a percent-encoded slash or backslash, which some servers take for a separator.", "RFC 3986 section 2.2", cweSmuggling, AnomalyLow, false, false, 0},
	AnomalyEncodedControl:     {"wire.encoded-control", "The path holds a percent-encoded control character.", "RFC 3986 section 7.3", "", AnomalyMedium, false, false, 0},
	AnomalyDotSegment:         {"wire.dot-segment", "The path holds a '.' or '..' segment, plain or percent-encoded, which clients resolve before sending.", "RFC 3986 section 5.2.4", cweSmuggling, AnomalyMedium, false, false, 0},
	AnomalyBackslash:          {"wire.backslash-in-path", "The path holds a backslash, which some servers take for a slash.", "RFC 3986 section 7.3", cweSmuggling, AnomalyMedium, false, false, 0},
	AnomalyBadStatusLine:      {"wire.bad-status-line", "The status line is not version, space, three digits, space, reason.", "RFC 9112 section 4", "", AnomalyMedium, false, true, 0},
	AnomalyStatusOutOfRange:   {"wire.status-out-of-range", "The status code is outside 100 to 599.", "RFC 9110 section 15", "", AnomalyLow, false, false, 0},

	AnomalyBadFieldName:     {"wire.bad-field-name", "A field line has no colon, or its name is empty or not a token.", "RFC 9110 section 5.1", cweSmuggling, AnomalyHigh, true, true, 400},
	AnomalySpaceBeforeColon: {"wire.space-before-colon", "White space stands between field name and colon, so that parsers disagree on the name.", "RFC 9112 section 5.1", cweSmuggling, AnomalyHigh, true, false, 400},
	AnomalyUnderscoreField:  {"wire.underscore-field", "A name spelt with '_' becomes a well-known field in servers that map '-' and '_' alike; it is not passed on.", "RFC 3875 section 4.1.18", cweSmuggling, AnomalyMedium, false, false, 0},
	AnomalyDuplicateField:   {"wire.duplicate-field", "A field that may stand only once stands several times.", "RFC 9110 section 5.3", "", AnomalyMedium, false, false, 0},
	AnomalyMissingHost:      {"wire.missing-host", "An HTTP/1.1 request has no Host, or an empty one.", "RFC 9112 section 3.2", "", AnomalyMedium, true, false, 400},
	AnomalyDuplicateHost:    {"wire.duplicate-host", "A request has more than one Host field.", "RFC 9112 section 3.2", cweSmuggling, AnomalyHigh, true, false, 400},
	AnomalyBadHost:          {"wire.bad-host", "The host is not a name, IPv4 or bracketed IPv6 address with an optional port.", "RFC 9112 section 3.2", cweSmuggling, AnomalyHigh, true, false, 400},

	AnomalyBadContentLength:          {"wire.bad-content-length", "Content-Length is not a plain decimal number, or too large to count.", "RFC 9112 section 6.3", cweSmuggling, AnomalyCritical, true, true, 400},
	AnomalyDuplicateContentLength:    {"wire.duplicate-content-length", "Content-Length is given several times with one value.", "RFC 9112 section 6.3", cweSmuggling, AnomalyHigh, true, false, 400},
	AnomalyDifferingContentLength:    {"wire.differing-content-length", "Content-Length is given several times with different values.", "RFC 9112 section 6.3", cweSmuggling, AnomalyCritical, true, true, 400},
	AnomalyCLTE:                      {"wire.cl-te", "Content-Length and Transfer-Encoding stand in one message.", "RFC 9112 section 6.3", cweSmuggling, AnomalyCritical, true, true, 400},
	AnomalyDuplicateTransferEncoding: {"wire.duplicate-transfer-encoding", "Transfer-Encoding is given more than once.", "RFC 9112 section 6.1", cweSmuggling, AnomalyCritical, true, true, 400},
	AnomalyUnknownTransferCoding:     {"wire.unknown-transfer-coding", "Transfer-Encoding is anything but chunked alone.", "RFC 9112 section 6.1", cweSmuggling, AnomalyCritical, true, true, 501},
	AnomalyTEOnHTTP10:                {"wire.te-on-http10", "Transfer-Encoding stands in an HTTP/1.0 message, which has none.", "RFC 9112 section 6.1", cweSmuggling, AnomalyCritical, true, true, 400},
	AnomalyUnexpectedBody:            {"wire.unexpected-body", "A request whose method gives a body no meaning (GET, HEAD, TRACE) has one.", "RFC 9110 section 9.3.1", cweSmuggling, AnomalyLow, false, false, 0},
	AnomalyBodyNotAllowed:            {"wire.body-not-allowed", "A 1xx or 204 response announces a body, which it cannot have; the connection is not reused.", "RFC 9112 section 6.3", cweSmuggling, AnomalyMedium, false, false, 0},

	AnomalyBadChunk:              {"wire.bad-chunk", "A chunk size is not plain hexadecimal, or chunk data is not followed by CRLF.", "RFC 9112 section 7.1", cweSmuggling, AnomalyCritical, true, true, 400},
	AnomalyChunkSizeOverflow:     {"wire.chunk-size-overflow", "A chunk size has too many digits or does not fit in 63 bits.", "RFC 9112 section 7.1", cweSmuggling, AnomalyCritical, true, true, 400},
	AnomalyChunkExtension:        {"wire.chunk-extension", "A chunk size is followed by an extension, which nobody uses; it is dropped.", "RFC 9112 section 7.1.1", "", AnomalyLow, false, false, 0},
	AnomalyChunkExtensionTooLong: {"wire.chunk-extension-too-long", "Chunk extensions take more bytes than allowed for one body.", "RFC 9112 section 7.1.1", "", AnomalyHigh, true, true, 400},
	AnomalyForbiddenTrailer:      {"wire.forbidden-trailer", "A trailer names a field that may only stand in the head; it is dropped.", "RFC 9110 section 6.5.1", cweSmuggling, AnomalyHigh, false, false, 0},
	AnomalyTrailerTooLarge:       {"wire.trailer-too-large", "The trailer section has more bytes or fields than allowed.", "RFC 9112 section 7.1.2", "", AnomalyMedium, true, true, 431},

	AnomalyConnectionEndToEnd:       {"wire.connection-end-to-end", "Connection names an end-to-end field, asking a gateway to strip it; it is kept.", "RFC 9110 section 7.6.1", cweSmuggling, AnomalyHigh, false, false, 0},
	AnomalyTooManyConnectionOptions: {"wire.too-many-connection-options", "Connection lists more options than allowed.", "RFC 9110 section 7.6.1", "", AnomalyMedium, true, true, 400},
	AnomalyUpgradeUnsupported:       {"wire.upgrade-unsupported", "Upgrade asks for a protocol other than websocket, such as h2c; it is dropped.", "RFC 9110 section 7.8", cweSmuggling, AnomalyMedium, false, false, 0},
	AnomalyBadWebSocket:             {"wire.bad-websocket", "An upgrade to websocket lacks a part of the opening handshake; it is dropped.", "RFC 6455 section 4.2.1", cweSmuggling, AnomalyMedium, false, false, 0},
	AnomalyUnrequestedUpgrade:       {"wire.unrequested-upgrade", "A 101 response answers a request that did not ask for websocket.", "RFC 9110 section 7.8", cweSmuggling, AnomalyHigh, false, true, 0},
	AnomalyExpectUnknown:            {"wire.expect-unknown", "Expect is anything but 100-continue.", "RFC 9110 section 10.1.1", cweSmuggling, AnomalyMedium, true, false, 417},

	AnomalyLineTooLong:         {"wire.line-too-long", "The request line or status line is longer than allowed.", "RFC 9112 section 3", "", AnomalyMedium, true, true, 414},
	AnomalyHeaderTooLarge:      {"wire.header-too-large", "The head is longer than allowed.", "RFC 6585 section 5", "", AnomalyMedium, true, true, 431},
	AnomalyTooManyHeaders:      {"wire.too-many-headers", "The head has more fields than allowed.", "RFC 6585 section 5", "", AnomalyMedium, true, true, 431},
	AnomalyBodyTooLarge:        {"wire.body-too-large", "The body is longer than allowed.", "RFC 9110 section 15.5.14", "", AnomalyMedium, true, true, 413},
	AnomalyIncomplete:          {"wire.incomplete", "The connection ended in the middle of a message.", "RFC 9112 section 8", "", AnomalyLow, true, true, 400},
	AnomalyTimeout:             {"wire.timeout", "A message took longer than allowed to arrive.", "RFC 9110 section 15.5.9", "", AnomalyMedium, true, true, 408},
	AnomalyUnsolicitedResponse: {"wire.unsolicited-response", "An upstream sent bytes that no request asked for; the connection is not reused.", "RFC 9112 section 9.2", cweSmuggling, AnomalyHigh, false, true, 0},

	AnomalyHTTP2Flood:     {"wire.http2-flood", "An HTTP/2 connection sent frames that cost work and carry nothing (resets, pings, settings, empty data, endless header blocks) faster than any client does; it was closed.", "RFC 9113 section 10.5", "CWE-770", AnomalyHigh, true, false, 400},
	AnomalyHTTP2Malformed: {"wire.http2-malformed", "An HTTP/2 or HTTP/3 request is malformed: a field of the connection, a wrong pseudo-header, or a length that its data does not have.", "RFC 9113 section 8.1.1", cweSmuggling, AnomalyHigh, true, false, 400},

	AnomalyPlainHTTP: {"wire.plain-http", "A request came as plain text to a port that speaks TLS, readable on its way.", "RFC 9110 section 4.2.2", "CWE-319", AnomalyLow, true, false, 400},
}
