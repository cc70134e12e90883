package conformance

// shape is one way to send bytes that two parsers may take for different requests.
type shape struct {
	name, wire string
	// want is what must become of it, request by request: "METHOD /path size" is passed on, a name of the anomaly table is
	// refused for it, "incomplete" ends with the connection. Empty: whatever is consistent.
	want string
}

const (
	host = "Host: a.example\r\n"
	// marker is what an attacker wants to have taken for a request of its own. It is 44 bytes long.
	marker = "GET /marker HTTP/1.1\r\nHost: evil.example\r\n\r\n"
)

// post begins a POST; fields follow, each with its line end, then body.
func post(fields, body string) string {
	return "POST /first HTTP/1.1\r\n" + host + fields + "\r\n" + body
}

func get(fields string) string { return "GET /first HTTP/1.1\r\n" + host + fields + "\r\n" }

// next is an honest request behind the others.
const next = "GET /next HTTP/1.1\r\nHost: a.example\r\n\r\n"

// shapes are made by hand, each with what must become of it.
var shapes = []shape{
	// What is plain must pass, or the rest proves nothing.
	{"plain get", get(""), "GET /first 0"},
	{"two gets on one connection", get("") + next, "GET /first 0, GET /next 0"},
	{"plain post", post("Content-Length: 5\r\n", "hello"), "POST /first 5"},
	{"post and get", post("Content-Length: 5\r\n", "hello") + next, "POST /first 5, GET /next 0"},
	{"post without a body", post("Content-Length: 0\r\n", "") + next, "POST /first 0, GET /next 0"},
	{"post without a length", post("", "") + next, "POST /first 0, GET /next 0"},
	{"a request inside a counted body", post("Content-Length: 44\r\n", marker) + next, "POST /first 44, GET /next 0"},
	{"chunked", post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n") + next, "POST /first 5, GET /next 0"},
	{"chunked in two", post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n") + next, "POST /first 11, GET /next 0"},
	{"chunked and empty", post("Transfer-Encoding: chunked\r\n", "0\r\n\r\n") + next, "POST /first 0, GET /next 0"},
	{"a request inside a chunk", post("Transfer-Encoding: chunked\r\n", "2c\r\n"+marker+"\r\n0\r\n\r\n") + next, "POST /first 44, GET /next 0"},
	{"the coding in capitals", post("Transfer-Encoding: Chunked\r\n", "5\r\nhello\r\n0\r\n\r\n") + next, "POST /first 5, GET /next 0"},
	{"the field in capitals", post("TRANSFER-ENCODING: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n") + next, "POST /first 5, GET /next 0"},
	{"the field in small letters", post("content-length: 5\r\n", "hello") + next, "POST /first 5, GET /next 0"},
	{"no space behind the colon", post("Content-Length:5\r\n", "hello") + next, "POST /first 5, GET /next 0"},
	{"tabs around the length", post("Content-Length:\t5\t\r\n", "hello") + next, "POST /first 5, GET /next 0"},
	{"head", "HEAD /first HTTP/1.1\r\n" + host + "\r\n" + next, "HEAD /first 0, GET /next 0"},
	{"options of the whole server", "OPTIONS * HTTP/1.1\r\n" + host + "\r\n", "OPTIONS * 0"},

	// Content-Length with Transfer-Encoding.
	{"CL.TE", post("Content-Length: 49\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"+marker), "wire.cl-te"},
	{"TE.CL", post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "2c\r\n"+marker+"\r\n0\r\n\r\n"), "wire.cl-te"},
	{"CL.TE with equal lengths", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), "wire.cl-te"},
	{"CL.0 with TE", post("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"+marker), "wire.cl-te"},
	{"TE named in Connection", post("Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"+marker), "wire.cl-te"},
	{"length named in Connection", post("Connection: content-length\r\nContent-Length: 44\r\n", marker) + next, "POST /first 44, GET /next 0"},
	{"coding named in Connection", post("Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n", "2c\r\n"+marker+"\r\n0\r\n\r\n") + next, "POST /first 44, GET /next 0"},
	{"host named in Connection", get("Connection: host\r\n") + next, "GET /first 0, GET /next 0"},

	// Several or odd lengths.
	{"two equal lengths", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), "wire.duplicate-content-length"},
	{"two lengths", post("Content-Length: 0\r\nContent-Length: 44\r\n", marker), "wire.differing-content-length"},
	{"two lengths the other way", post("Content-Length: 44\r\nContent-Length: 0\r\n", marker), "wire.differing-content-length"},
	{"a list of equal lengths", post("Content-Length: 5, 5\r\n", "hello"), "wire.duplicate-content-length"},
	{"a list of lengths", post("Content-Length: 0, 44\r\n", marker), "wire.differing-content-length"},
	{"a positive length", post("Content-Length: +5\r\n", "hello"), "wire.bad-content-length"},
	{"a negative length", post("Content-Length: -5\r\n", "hello"), "wire.bad-content-length"},
	{"a hexadecimal length", post("Content-Length: 0x5\r\n", "hello"), "wire.bad-content-length"},
	{"an octal length", post("Content-Length: 05\r\n", "hello") + next, "POST /first 5, GET /next 0"},
	{"a length with a fraction", post("Content-Length: 5.0\r\n", "hello"), "wire.bad-content-length"},
	{"a length with an exponent", post("Content-Length: 5e0\r\n", "hello"), "wire.bad-content-length"},
	{"a length with an underscore", post("Content-Length: 4_4\r\n", marker), "wire.bad-content-length"},
	{"a length in pieces", post("Content-Length: 4 4\r\n", marker), "wire.bad-content-length"},
	{"a quoted length", post("Content-Length: \"5\"\r\n", "hello"), "wire.bad-content-length"},
	{"a length with a parameter", post("Content-Length: 5;a=b\r\n", "hello"), "wire.bad-content-length"},
	{"an empty length", post("Content-Length: \r\n", marker), "wire.bad-content-length"},
	{"a length and nothing", post("Content-Length: 5,\r\n", "hello"), "wire.bad-content-length"},
	{"an enormous length", post("Content-Length: 18446744073709551621\r\n", "hello"), "wire.bad-content-length"},
	{"a length beyond 63 bits", post("Content-Length: 9223372036854775808\r\n", "hello"), "wire.bad-content-length"},
	{"a length in other digits", post("Content-Length: \xd9\xa5\r\n", "hello"), "wire.bad-content-length"},
	{"a length and a NUL", post("Content-Length: 5\x00\r\n", "hello"), "wire.nul"},
	{"a length and a vertical tab", post("Content-Length: \x0b5\r\n", "hello"), "wire.control-character"},

	// Transfer codings.
	{"an unknown coding", post("Transfer-Encoding: xchunked\r\n", "5\r\nhello\r\n0\r\n\r\n"), "wire.unknown-transfer-coding"},
	{"identity", post("Transfer-Encoding: identity\r\nContent-Length: 5\r\n", "hello"), "wire.cl-te"},
	{"identity alone", post("Transfer-Encoding: identity\r\n", "hello"), "wire.unknown-transfer-coding"},
	{"chunked, identity", post("Transfer-Encoding: chunked, identity\r\n", "5\r\nhello\r\n0\r\n\r\n"), "wire.unknown-transfer-coding"},
	{"identity, chunked", post("Transfer-Encoding: identity, chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"), "wire.unknown-transfer-coding"},
	{"gzip, chunked", post("Transfer-Encoding: gzip, chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"), "wire.unknown-transfer-coding"},
	{"chunked, chunked", post("Transfer-Encoding: chunked, chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"), "wire.unknown-transfer-coding"},
	{"two codings in two fields", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "5\r\nhello\r\n0\r\n\r\n"), "wire.duplicate-transfer-encoding"},
	{"chunked twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"), "wire.duplicate-transfer-encoding"},
	{"an empty coding", post("Transfer-Encoding: \r\n", "5\r\nhello\r\n0\r\n\r\n"), "wire.unknown-transfer-coding"},
	{"a comma before the coding", post("Transfer-Encoding: ,chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"), "wire.unknown-transfer-coding"},
	{"a comma behind the coding", post("Transfer-Encoding: chunked,\r\n", "5\r\nhello\r\n0\r\n\r\n"), "wire.unknown-transfer-coding"},
	{"a quoted coding", post("Transfer-Encoding: \"chunked\"\r\n", "5\r\nhello\r\n0\r\n\r\n"), "wire.unknown-transfer-coding"},
	{"a coding with a parameter", post("Transfer-Encoding: chunked;q=1\r\n", "5\r\nhello\r\n0\r\n\r\n"), "wire.unknown-transfer-coding"},
	{"a coding in parentheses", post("Transfer-Encoding: chunked (comment)\r\n", "5\r\nhello\r\n0\r\n\r\n"), "wire.unknown-transfer-coding"},
	{"a coding and a NUL", post("Transfer-Encoding: chunked\x00\r\n", "5\r\nhello\r\n0\r\n\r\n"), "wire.nul"},
	{"a coding behind a vertical tab", post("Transfer-Encoding: \x0bchunked\r\n", "5\r\nhello\r\n0\r\n\r\n"), "wire.control-character"},
	{"a coding behind a form feed", post("Transfer-Encoding: \x0cchunked\r\n", "5\r\nhello\r\n0\r\n\r\n"), "wire.control-character"},
	{"a coding and a no-break space", post("Transfer-Encoding: chunked\xa0\r\n", "5\r\nhello\r\n0\r\n\r\n"), "wire.unknown-transfer-coding"},
	{"a coding with the long s", post("Tran\xc5\xbffer-Encoding: chunked\r\nContent-Length: 44\r\n", marker), "wire.bad-field-name"},
	{"chunks in HTTP/1.0", "POST /first HTTP/1.0\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "wire.te-on-http10"},
	{"chunks in HTTP/1.0, kept alive", "POST /first HTTP/1.0\r\n" + host + "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + marker, "wire.cl-te"},

	// Names of fields.
	{"a space before the colon", post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"+marker), "wire.space-before-colon"},
	{"a tab before the colon", post("Content-Length\t: 44\r\n", marker), "wire.space-before-colon"},
	{"a space before the name", post(" Transfer-Encoding: chunked\r\n", "0\r\n\r\n"+marker), "wire.obs-fold"},
	{"a folded coding", post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"+marker), "wire.obs-fold"},
	{"a folded length", post("Content-Length:\r\n\t44\r\n", marker), "wire.obs-fold"},
	{"a field hidden in a fold", post("X: y\r\n Content-Length: 44\r\n", marker), "wire.obs-fold"},
	{"an underscore", post("Content_Length: 44\r\n", "") + next, "POST /first 0, GET /next 0"},
	{"an underscore in the coding", post("Transfer_Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n") + next, "POST /first 5, GET /next 0"},
	{"a field without a colon", post("Content-Length 44\r\n", marker), "wire.bad-field-name"},
	{"a field without a name", post(": 44\r\n", ""), "wire.bad-field-name"},
	{"a NUL in a name", post("Content-Length\x00: 44\r\n", marker), "wire.nul"},
	{"a quote in a name", post("\"Content-Length\": 44\r\n", marker), "wire.bad-field-name"},
	{"a CR in a value", post("X: y\rContent-Length: 44\r\n", marker), "wire.bare-cr"},
	{"a LF in a value", post("X: y\nContent-Length: 44\r\n", marker), "wire.bare-lf"},
	{"CR CR LF", post("Content-Length: 5\r\r\n", "hello"), "wire.bare-cr"},
	{"bare line feeds", "POST /first HTTP/1.1\nHost: a.example\nContent-Length: 5\n\nhello", "wire.bare-lf"},
	{"a head that ends in LF LF", "GET /first HTTP/1.1\r\n" + host + "X: y\n\n" + marker, "wire.bare-lf"},
	{"a head that ends in LF CR LF", "GET /first HTTP/1.1\r\n" + host + "X: y\n\r\n" + marker, "wire.bare-lf"},
	{"two empty lines before", "\r\n\r\n" + get(""), "wire.bad-request-line"},
	{"an empty line before", "\r\n" + get("") + next, "GET /first 0, GET /next 0"},

	// Chunks.
	{"a size in capitals", post("Transfer-Encoding: chunked\r\n", "2C\r\n"+marker+"\r\n0\r\n\r\n") + next, "POST /first 44, GET /next 0"},
	{"a size with zeros", post("Transfer-Encoding: chunked\r\n", "0005\r\nhello\r\n000\r\n\r\n") + next, "POST /first 5, GET /next 0"},
	{"a size with a prefix", post("Transfer-Encoding: chunked\r\n", "0x5\r\nhello\r\n0\r\n\r\n"), "wire.bad-chunk"},
	{"a size with a sign", post("Transfer-Encoding: chunked\r\n", "+5\r\nhello\r\n0\r\n\r\n"), "wire.bad-chunk"},
	{"a negative size", post("Transfer-Encoding: chunked\r\n", "-5\r\nhello\r\n0\r\n\r\n"), "wire.bad-chunk"},
	{"a size with an underscore", post("Transfer-Encoding: chunked\r\n", "0_5\r\nhello\r\n0\r\n\r\n"), "wire.bad-chunk"},
	{"a size behind a space", post("Transfer-Encoding: chunked\r\n", " 5\r\nhello\r\n0\r\n\r\n"), "wire.bad-chunk"},
	{"a size before a space", post("Transfer-Encoding: chunked\r\n", "5 \r\nhello\r\n0\r\n\r\n"), "wire.bad-chunk"},
	{"a size before a tab", post("Transfer-Encoding: chunked\r\n", "5\t\r\nhello\r\n0\r\n\r\n"), "wire.bad-chunk"},
	{"a size before a NUL", post("Transfer-Encoding: chunked\r\n", "5\x00\r\nhello\r\n0\r\n\r\n"), "wire.bad-chunk"},
	{"an empty size", post("Transfer-Encoding: chunked\r\n", "\r\nhello\r\n0\r\n\r\n"), "wire.bad-chunk"},
	{"a size of 65 bits", post("Transfer-Encoding: chunked\r\n", "10000000000000005\r\nhello\r\n0\r\n\r\n"), "wire.chunk-size-overflow"},
	{"a size of 33 bits", post("Transfer-Encoding: chunked\r\n", "100000005\r\nhello\r\n0\r\n\r\n"+marker), "incomplete"},
	{"a size line that ends in LF", post("Transfer-Encoding: chunked\r\n", "5\nhello\r\n0\r\n\r\n"), "wire.bare-lf"},
	{"a size line that ends in CR", post("Transfer-Encoding: chunked\r\n", "5\rhello\r\n0\r\n\r\n"), "wire.bare-cr"},
	{"a chunk that ends in LF", post("Transfer-Encoding: chunked\r\n", "5\r\nhello\n0\r\n\r\n"), "wire.bare-lf"},
	{"a chunk that ends in nothing", post("Transfer-Encoding: chunked\r\n", "5\r\nhello0\r\n\r\n"), "wire.bad-chunk"},
	{"a chunk longer than its size", post("Transfer-Encoding: chunked\r\n", "4\r\nhello\r\n0\r\n\r\n"), "wire.bad-chunk"},
	{"a chunk shorter than its size", post("Transfer-Encoding: chunked\r\n", "6\r\nhello\r\n0\r\n\r\n"), "wire.bare-lf"},
	{"a last chunk without its end", post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n"), "incomplete"},
	{"a last chunk that ends in LF", post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\n\n"+marker), "wire.bare-lf"},
	{"an extension", post("Transfer-Encoding: chunked\r\n", "5;a=b\r\nhello\r\n0;c\r\n\r\n") + next, "POST /first 5, GET /next 0"},
	{"a quoted extension", post("Transfer-Encoding: chunked\r\n", "5;a=\"b;c\"\r\nhello\r\n0\r\n\r\n") + next, "POST /first 5, GET /next 0"},
	{"an extension with a line feed", post("Transfer-Encoding: chunked\r\n", "5;a\nx\r\nhello\r\n0\r\n\r\n"+marker), "wire.bare-lf"},
	{"an extension with a CR", post("Transfer-Encoding: chunked\r\n", "5;a\rx\r\nhello\r\n0\r\n\r\n"+marker), "wire.bare-cr"},
	{"an extension with a quoted line end", post("Transfer-Encoding: chunked\r\n", "2;a=\"\r\n36\"\r\n0\r\n\r\n"+marker), "wire.bad-chunk"},
	{"an extension without its semicolon", post("Transfer-Encoding: chunked\r\n", "5 a=b\r\nhello\r\n0\r\n\r\n"), "wire.bad-chunk"},
	{"a trailer", post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n") + next, "POST /first 5, GET /next 0"},
	{"a length as trailer", post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\nContent-Length: 44\r\n\r\n"+marker), "POST /first 5, GET /marker 0"},
	{"a coding as trailer", post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n"+marker), "POST /first 5, GET /marker 0"},
	{"a host as trailer", post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\nHost: evil.example\r\n\r\n"+marker), "POST /first 5, GET /marker 0"},
	{"a trailer that is a request", post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n"+marker), "wire.bad-field-name"},
	{"a folded trailer", post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n"), "wire.obs-fold"},
	{"a trailer that ends in LF", post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\nX: y\n\r\n"+marker), "wire.bare-lf"},

	// Methods that seldom have a body.
	{"get with a length", get("Content-Length: 44\r\n") + marker + next, "GET /first 44, GET /next 0"},
	{"get with chunks", get("Transfer-Encoding: chunked\r\n") + "2c\r\n" + marker + "\r\n0\r\n\r\n" + next, "GET /first 44, GET /next 0"},
	{"head with a length", "HEAD /first HTTP/1.1\r\n" + host + "Content-Length: 44\r\n\r\n" + marker + next, "HEAD /first 44, GET /next 0"},
	{"delete with a length", "DELETE /first HTTP/1.1\r\n" + host + "Content-Length: 44\r\n\r\n" + marker + next, "DELETE /first 44, GET /next 0"},
	{"options with a length", "OPTIONS /first HTTP/1.1\r\n" + host + "Content-Length: 44\r\n\r\n" + marker + next, "OPTIONS /first 44, GET /next 0"},
	{"get without a length and a body", get("") + "hello" + next, "GET /first 0, helloGET /next 0"},
	{"a method of its own with a length", "MERLON /first HTTP/1.1\r\n" + host + "Content-Length: 44\r\n\r\n" + marker + next, "MERLON /first 44, GET /next 0"},
	{"a method in small letters", "get /first HTTP/1.1\r\n" + host + "Content-Length: 44\r\n\r\n" + marker + next, "get /first 44, GET /next 0"},
	{"connect", "CONNECT a.example:80 HTTP/1.1\r\n" + host + "\r\n" + marker, "wire.connect"},

	// The request line.
	{"HTTP/0.9", "GET /first\r\n\r\n" + marker, "wire.bad-request-line"},
	{"HTTP/1.2", "GET /first HTTP/1.2\r\n" + host + "\r\n", "wire.bad-version"},
	{"HTTP/2.0", "GET /first HTTP/2.0\r\n" + host + "\r\n", "wire.bad-version"},
	{"HTTP/01.1", "GET /first HTTP/01.1\r\n" + host + "\r\n", "wire.bad-version"},
	{"http/1.1", "GET /first http/1.1\r\n" + host + "\r\n", "wire.bad-request-line"},
	{"HTTP/1.1 and more", "GET /first HTTP/1.1 x\r\n" + host + "\r\n", "wire.bad-request-line"},
	{"two spaces", "GET  /first HTTP/1.1\r\n" + host + "\r\n", "wire.bad-request-line"},
	{"a tab between", "GET\t/first HTTP/1.1\r\n" + host + "\r\n", "wire.bad-request-line"},
	{"a space in the target", "GET /fir st HTTP/1.1\r\n" + host + "\r\n", "wire.bad-request-line"},
	{"a version within the target", "GET /first HTTP/1.1 HTTP/1.1\r\n" + host + "\r\n", "wire.bad-request-line"},
	{"a NUL in the target", "GET /first\x00 HTTP/1.1\r\n" + host + "\r\n", "wire.nul"},
	{"a fragment", "GET /first#x HTTP/1.1\r\n" + host + "\r\n", "wire.fragment-in-target"},
	{"no slash", "GET first HTTP/1.1\r\n" + host + "\r\n", "wire.bad-target"},
	{"an asterisk", "GET * HTTP/1.1\r\n" + host + "\r\n", "wire.bad-target"},
	{"two slashes", "GET //first HTTP/1.1\r\n" + host + "\r\n", "GET /first 0"},
	{"HTTP/1.0", "GET /first HTTP/1.0\r\n" + host + "\r\n" + marker, "GET /first 0"},
	{"HTTP/1.0, kept alive", "GET /first HTTP/1.0\r\nConnection: keep-alive\r\n" + host + "\r\n" + next, "GET /first 0, GET /next 0"},
	{"HTTP/1.0 without a host", "GET /first HTTP/1.0\r\n\r\n", "GET /first 0"},
	{"HTTP/1.0 with a length", "POST /first HTTP/1.0\r\n" + host + "Content-Length: 5\r\n\r\nhello" + marker, "POST /first 5"},
	{"closed by the first", get("Connection: close\r\n") + marker, "GET /first 0"},

	// Hosts.
	{"no host", "GET /first HTTP/1.1\r\n\r\n", "wire.missing-host"},
	{"two hosts", get("Host: evil.example\r\n"), "wire.duplicate-host"},
	{"two equal hosts", get("Host: a.example\r\n"), "wire.duplicate-host"},
	{"a list of hosts", "GET /first HTTP/1.1\r\nHost: a.example, evil.example\r\n\r\n", "wire.bad-host"},
	{"a host with a path", "GET /first HTTP/1.1\r\nHost: a.example/x\r\n\r\n", "wire.bad-host"},
	{"a host with a user", "GET /first HTTP/1.1\r\nHost: a@evil.example\r\n\r\n", "wire.bad-host"},
	{"a host with a space", "GET /first HTTP/1.1\r\nHost: a.example evil.example\r\n\r\n", "wire.bad-host"},
	{"a host with a bad port", "GET /first HTTP/1.1\r\nHost: a.example:80x\r\n\r\n", "wire.bad-host"},
	{"an empty host", "GET /first HTTP/1.1\r\nHost: \r\n\r\n", "wire.missing-host"},
	{"absolute form", "GET http://a.example/first HTTP/1.1\r\n" + host + "\r\n" + next, "GET /first 0, GET /next 0"},
	{"absolute form, other host", "GET http://evil.example/first HTTP/1.1\r\n" + host + "\r\n", "wire.absolute-form-host"},
	{"absolute form without a path", "GET http://a.example HTTP/1.1\r\n" + host + "\r\n" + next, "GET / 0, GET /next 0"},
	{"absolute form with a user", "GET http://u@a.example/first HTTP/1.1\r\n" + host + "\r\n", "wire.absolute-form-host"},
	{"absolute form with a body", "POST http://a.example/first HTTP/1.1\r\n" + host + "Content-Length: 44\r\n\r\n" + marker + next, "POST /first 44, GET /next 0"},
	{"another scheme", "GET ftp://a.example/first HTTP/1.1\r\n" + host + "\r\n", "wire.bad-target"},

	// Expectations, upgrades, hop-by-hop fields.
	{"expect", post("Expect: 100-continue\r\nContent-Length: 44\r\n", marker) + next, "POST /first 44, GET /next 0"},
	{"expect and chunks", post("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n", "2c\r\n"+marker+"\r\n0\r\n\r\n") + next, "POST /first 44, GET /next 0"},
	{"expect of a get", get("Expect: 100-continue\r\n") + next, "GET /first 0, GET /next 0"},
	{"expect something else", post("Expect: 100-continue, x\r\nContent-Length: 44\r\n", marker) + next, "wire.expect-unknown"},
	{"expect twice", post("Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 44\r\n", marker) + next, "POST /first 44, GET /next 0"},
	{"expect with a hidden value", post("Expect: y 100-continue\r\nContent-Length: 44\r\n", marker) + next, "wire.expect-unknown"},
	{"upgrade to h2c", get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n") + next, "GET /first 0, GET /next 0"},
	{"upgrade to something", get("Connection: Upgrade\r\nUpgrade: echo\r\n") + next, "GET /first 0, GET /next 0"},
	{"upgrade to TLS", "OPTIONS /first HTTP/1.1\r\n" + host + "Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n\r\n" + next, "OPTIONS /first 0, GET /next 0"},
	{"preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "wire.bad-version"},
	{"keep-alive with a length in it", get("Connection: keep-alive, Content-Length\r\nContent-Length: 44\r\n") + marker + next, "GET /first 44, GET /next 0"},
	{"te", get("TE: trailers, chunked\r\nConnection: TE\r\n") + next, "GET /first 0, GET /next 0"},
	{"a body beyond its length", post("Content-Length: 5\r\n", "hello"+marker), "POST /first 5, GET /marker 0"},
	{"a body shorter than its length", post("Content-Length: 50\r\n", marker), "incomplete"},
	{"a head that stops", "GET /first HTTP/1.1\r\nHost: a.ex", "incomplete"},
}
