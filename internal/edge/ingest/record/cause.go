// Package record is what the formats of ingest share: causes of damage, request lines and targets, addresses, escapes.
package record

// Cause says why a line is damaged.
type Cause uint8

// The causes. Their words are shown to users.
const (
	_ Cause = iota
	CauseTooLong
	CauseSyntax
	CauseClient
	CauseTime
	CauseAhead
	CauseRequest
	CauseQuotes
	CauseStatus
	CauseSize
	CauseShort
	CauseTrailing
	CauseJSON
	CauseDeep
	CauseEntry
	CauseMethod
	CauseURL
	CauseBase64
	CauseTooMany
	CauseDocument
	CauseTruncated
	CauseLayout
	CauseMember
	CauseCapture

	// NumCauses is one more than the highest cause.
	NumCauses

	// CauseSkip is no damage: the record is well-formed and no exchange.
	CauseSkip
)

var causeWords = [NumCauses]string{
	CauseTooLong:   "longer than a line of this format may be",
	CauseSyntax:    "not host, identity, user and [time] separated by spaces",
	CauseClient:    "the first field is neither an address nor a host name (another format with a field in front?)",
	CauseTime:      "the time is not valid or before 1970",
	CauseAhead:     "the time lies more than five minutes ahead of now",
	CauseRequest:   "the quoted request is not METHOD TARGET HTTP/x.y, and the status is not one that a server gives to broken requests",
	CauseQuotes:    "a quoted field does not end",
	CauseStatus:    "the status is not three digits or -",
	CauseSize:      "the size is not a number or -",
	CauseShort:     "referer and User-Agent are missing (format common?)",
	CauseTrailing:  "something stands behind the last field (another format?)",
	CauseJSON:      "not valid JSON",
	CauseDeep:      "JSON nested too deeply",
	CauseEntry:     "not a HAR entry: it needs startedDateTime and request",
	CauseMethod:    "request.method is missing or not a token",
	CauseURL:       "request.url is missing or not an absolute URL or path",
	CauseBase64:    "a body is not valid base64",
	CauseTooMany:   "more than 1000 header fields",
	CauseDocument:  "not a HAR document: the rest of it was not read",
	CauseTruncated: "the compressed data is damaged or cut short: the rest of it was not read",
	CauseLayout:    "the line does not have the layout of the log format",
	CauseMember:    "a JSON line without time, status or request (another format, or other names? see --log-format)",
	CauseCapture:   "the capture is damaged or cut short: the rest of it was not read",
}

// String is the cause in words.
func (c Cause) String() string {
	if c < NumCauses {
		return causeWords[c]
	}
	return "unknown"
}

// Error makes a cause an error, for the readers that cut an input into records.
func (c Cause) Error() string { return c.String() }

// Ends tells a cause behind which nothing more of the input can be read.
func (c Cause) Ends() bool { return c == CauseDocument || c == CauseTruncated || c == CauseCapture }
