package exchange

// HeaderID is a well-known header field, so that stages switch on a number instead of comparing names.
type HeaderID uint8

const (
	HeaderOther HeaderID = iota
	HeaderHost
	HeaderContentLength
	HeaderTransferEncoding
	HeaderConnection
	HeaderKeepAlive
	HeaderProxyConnection
	HeaderTE
	HeaderTrailer
	HeaderUpgrade
	HeaderExpect
	HeaderContentType
	HeaderContentEncoding
	HeaderAccept
	HeaderAcceptEncoding
	HeaderAcceptLanguage
	HeaderAuthorization
	HeaderCookie
	HeaderSetCookie
	HeaderUserAgent
	HeaderXForwardedFor
	HeaderForwarded
	HeaderXAPIKey
	HeaderLocation
	HeaderDate
	HeaderServer
	HeaderOrigin
	HeaderReferer
	HeaderXRequestID
	HeaderWWWAuthenticate
	HeaderRetryAfter
	HeaderProxyAuthorization
	HeaderSecWebSocketKey
	HeaderSecWebSocketVersion
	HeaderCacheControl
	HeaderETag
	HeaderXRealIP
	HeaderMerlonTag // what policy tells the upstream; a client's own copy is dropped
	NumHeaders
)

// headerNames is in the order of the constants, lower case.
var headerNames = [NumHeaders]string{
	"", "host", "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "te", "trailer",
	"upgrade", "expect", "content-type", "content-encoding", "accept", "accept-encoding", "accept-language", "authorization",
	"cookie", "set-cookie", "user-agent", "x-forwarded-for", "forwarded", "x-api-key", "location", "date", "server",
	"origin", "referer", "x-request-id", "www-authenticate", "retry-after", "proxy-authorization", "sec-websocket-key",
	"sec-websocket-version", "cache-control", "etag", "x-real-ip", "merlon-tag",
}

// String is the field's name in lower case, "" for HeaderOther.
func (h HeaderID) String() string {
	if h < NumHeaders {
		return headerNames[h]
	}
	return ""
}

// headersByLength is the look-up table of LookupHeader: candidates by length of name.
var headersByLength = func() (t [22][]HeaderID) {
	for id := HeaderHost; id < NumHeaders; id++ {
		n := len(headerNames[id])
		for n >= len(t) {
			panic("exchange: header name longer than the table")
		}
		t[n] = append(t[n], id)
	}
	return t
}()

// LookupHeader finds the well-known header of that name in any casing; HeaderOther when there is none.
func LookupHeader(name []byte) HeaderID {
	if len(name) >= len(headersByLength) {
		return HeaderOther
	}
next:
	for _, id := range headersByLength[len(name)] {
		want := headerNames[id]
		for i := 0; i < len(want); i++ {
			c := name[i]
			if 'A' <= c && c <= 'Z' {
				c |= 0x20
			}
			if c != want[i] {
				continue next
			}
		}
		return id
	}
	return HeaderOther
}

// StackField tells the fields that a client's HTTP stack writes by itself on every request: from their order and spelling a
// stack is known. Navigations add others (sec-fetch-user, upgrade-insecure-requests), which do not count.
func StackField(id HeaderID, name []byte) bool {
	switch id {
	case HeaderHost, HeaderUserAgent, HeaderAccept, HeaderAcceptLanguage, HeaderAcceptEncoding:
		return true
	case HeaderOther:
	default:
		return false
	}
	switch len(name) {
	case 3, 7, 8, 9, 14, 16, 18, 26, 27, 32:
	default:
		return false
	}
	switch name[0] | 0x20 {
	case 'a', 'd', 'p', 's':
	default:
		return false
	}
	var buf [32]byte
	n := copy(buf[:], name)
	for i, c := range buf[:n] {
		if c-'A' < 26 {
			buf[i] = c | 0x20
		}
	}
	switch string(buf[:n]) {
	case "dnt", "sec-gpc", "priority", "sec-ch-ua", "accept-charset", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest",
		"sec-ch-ua-mobile", "sec-ch-ua-platform":
		return true
	}
	return false
}
