package logformat

import (
	"slices"
	"strings"

	"merlon/internal/edge/ingest/record"
)

// EnvoyDefault is Envoy's own text format, IstioDefault that of Istio's sidecars.
const (
	EnvoyDefault = `[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ` +
		`%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" ` +
		`"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"`
	IstioDefault = `[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ` +
		`%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% ` +
		`%DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" ` +
		`"%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% ` +
		`%DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%`
)

// envoy compiles a format of Envoy's access log: %COMMAND(arguments):length%.
func (c *compiler) envoy() {
	c.f.escape = EscapeNone // Envoy writes values as they are
	for i := 0; i < len(c.text); {
		if c.text[i] != '%' {
			c.literal = append(c.literal, c.text[i])
			i++
			continue
		}
		if strings.HasPrefix(c.text[i:], "%%") {
			c.literal = append(c.literal, '%')
			i += 2
			continue
		}
		n := commandEnd(c.text, i)
		if n == 0 {
			c.mistake(i, "a command such as %%RESPONSE_CODE%% or %%REQ(NAME)%% must follow %%")
			i++
			continue
		}
		word := c.text[i+1 : i+n-1]
		m, known := EnvoyCommand(word)
		if !known {
			c.mistake(i, "command %%%s%% is not known; known are %s", word, strings.Join(envoyWords(), " "))
		}
		c.value(i, m, until)
		i += n
	}
}

// commandEnd is the length of the %COMMAND(...):n% at i, 0 when there is none.
func commandEnd(s string, i int) int {
	k := i + 1
	for k < len(s) && (s[k]-'A' <= 25 || s[k]-'0' <= 9 || s[k] == '_') {
		k++
	}
	if k == i+1 {
		return 0
	}
	if k < len(s) && s[k] == '(' {
		end := strings.IndexByte(s[k:], ')')
		if end < 0 {
			return 0
		}
		k += end + 1
	}
	if k < len(s) && s[k] == ':' {
		for k++; k < len(s) && s[k]-'0' <= 9; k++ {
		}
	}
	if k >= len(s) || s[k] != '%' {
		return 0
	}
	return k + 1 - i
}

// EnvoyCommand is the meaning of a command without its percent signs
// (https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage).
func EnvoyCommand(command string) (m record.Meaning, known bool) {
	if k := strings.LastIndexByte(command, ':'); k > strings.LastIndexByte(command, ')') && strings.IndexByte(command, ')') >= 0 {
		command = command[:k]
	}
	name, argument, _ := strings.Cut(command, "(")
	argument = strings.TrimSuffix(argument, ")")
	switch name {
	case "REQ":
		return envoyField(argument), argument != ""
	case "RESP":
		if strings.EqualFold(argument, "x-envoy-upstream-service-time") {
			return record.Meaning{What: record.LatencyMillis}, true
		}
		return record.ResponseHeaderMeaning(argument), argument != ""
	}
	if what, ok := EnvoyNames()[name]; ok {
		return record.Meaning{What: what}, true
	}
	return m, slices.Contains(envoyUnread(), name)
}

// envoyField is the meaning of REQ(NAME?OTHER): the first name decides, and a path stays a path.
func envoyField(argument string) record.Meaning {
	name, other, _ := strings.Cut(strings.ToLower(argument), "?")
	for _, n := range [...]string{name, other} {
		switch n {
		case ":method":
			return record.Meaning{What: record.Method}
		case ":path", "x-envoy-original-path":
			return record.Meaning{What: record.URI}
		case ":authority":
			return record.Meaning{What: record.HostHeader}
		}
	}
	if name == ":scheme" {
		return record.Meaning{}
	}
	return record.HeaderMeaning(name)
}

// EnvoyNames are the commands of Envoy that are read, beside REQ and RESP.
func EnvoyNames() map[string]record.What {
	return map[string]record.What{
		"START_TIME": record.Time, "RESPONSE_CODE": record.Status,
		"BYTES_RECEIVED": record.RequestBody, "BYTES_SENT": record.ResponseBody, "DURATION": record.DurationMillis, "RESPONSE_DURATION": record.LatencyMillis,
		"DOWNSTREAM_REMOTE_ADDRESS": record.Client, "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": record.Client, "DOWNSTREAM_REMOTE_PORT": record.Port,
		"DOWNSTREAM_DIRECT_REMOTE_ADDRESS": record.Peer, "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT": record.Peer,
		"REQUESTED_SERVER_NAME": record.ServerName, "TLS_JA4_FINGERPRINT": record.JA4,
	}
}

func envoyUnread() []string {
	return []string{
		"PROTOCOL", "RESPONSE_CODE_DETAILS", "RESPONSE_FLAGS", "RESPONSE_FLAGS_LONG", "CONNECTION_TERMINATION_DETAILS", "CONNECTION_ID", "ROUTE_NAME", "VIRTUAL_CLUSTER_NAME",
		"REQUEST_DURATION", "REQUEST_TX_DURATION", "RESPONSE_TX_DURATION", "ROUNDTRIP_DURATION", "COMMON_DURATION", "UPSTREAM_HOST", "UPSTREAM_HOST_NAME", "UPSTREAM_CLUSTER", "UPSTREAM_CLUSTER_RAW", "UPSTREAM_LOCAL_ADDRESS",
		"UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", "UPSTREAM_REMOTE_ADDRESS", "UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", "UPSTREAM_TRANSPORT_FAILURE_REASON", "UPSTREAM_REQUEST_ATTEMPT_COUNT",
		"UPSTREAM_WIRE_BYTES_SENT", "UPSTREAM_WIRE_BYTES_RECEIVED", "UPSTREAM_HEADER_BYTES_SENT", "UPSTREAM_HEADER_BYTES_RECEIVED", "DOWNSTREAM_WIRE_BYTES_SENT",
		"DOWNSTREAM_WIRE_BYTES_RECEIVED", "DOWNSTREAM_HEADER_BYTES_SENT", "DOWNSTREAM_HEADER_BYTES_RECEIVED", "DOWNSTREAM_LOCAL_ADDRESS", "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT",
		"DOWNSTREAM_LOCAL_PORT", "DOWNSTREAM_TLS_VERSION", "DOWNSTREAM_TLS_CIPHER", "DOWNSTREAM_TLS_SESSION_ID", "DOWNSTREAM_PEER_SUBJECT", "DOWNSTREAM_PEER_ISSUER",
		"DOWNSTREAM_PEER_URI_SAN", "DOWNSTREAM_LOCAL_URI_SAN", "DOWNSTREAM_LOCAL_SUBJECT", "DOWNSTREAM_TRANSPORT_FAILURE_REASON", "DOWNSTREAM_PEER_CERT_V_START", "DOWNSTREAM_PEER_CERT_V_END",
		"DOWNSTREAM_PEER_SERIAL", "DOWNSTREAM_PEER_FINGERPRINT_256", "TLS_JA3_FINGERPRINT", "GRPC_STATUS", "GRPC_STATUS_NUMBER", "HOSTNAME", "FILTER_CHAIN_NAME", "FILTER_STATE", "DYNAMIC_METADATA",
		"CLUSTER_METADATA", "UPSTREAM_METADATA", "METADATA", "TRAILER", "LOCAL_REPLY_BODY", "ACCESS_LOG_TYPE", "ENVIRONMENT", "REQ_WITHOUT_QUERY", "STREAM_ID", "UNIQUE_ID", "TRACE_ID", "CEL", "QUERY_PARAM", "PATH", "EMIT_TIME", "REQUEST_HEADERS_BYTES", "RESPONSE_HEADERS_BYTES", "RESPONSE_TRAILERS_BYTES", "UPSTREAM_PROTOCOL", "UPSTREAM_TLS_VERSION", "UPSTREAM_TLS_CIPHER", "BYTES_RETRANSMITTED", "PACKETS_RETRANSMITTED", "CONNECTION_POOL_READY_DURATION",
	}
}

func envoyWords() []string {
	names := []string{"%REQ(NAME)%", "%RESP(NAME)%"}
	for name := range EnvoyNames() {
		names = append(names, "%"+name+"%")
	}
	for _, name := range envoyUnread() {
		names = append(names, "%"+name+"%")
	}
	slices.Sort(names)
	return names
}
