package logformat

import (
	"slices"
	"strings"

	"merlon/internal/edge/ingest/record"
)

// nginx compiles a log_format of ngx_http_log_module: $name or ${name}.
func (c *compiler) nginx() {
	for i := 0; i < len(c.text); {
		if c.text[i] != '$' {
			c.literal = append(c.literal, c.text[i])
			i++
			continue
		}
		name, n := variable(c.text[i:])
		if n == 0 {
			c.mistake(i, "a variable's name must follow $")
			i++
			continue
		}
		m, known := NginxVariable(name)
		if !known {
			c.mistake(i, "variable $%s is not known; known are %s, and $http_NAME, $sent_http_NAME, $upstream_http_NAME, $cookie_NAME, $arg_NAME; "+
				"write $_%s for one of your own that is to be passed over", name, strings.Join(nginxNames(), ", "), name)
		}
		c.value(i, m, nginxShape(name))
		i += n
	}
}

// variable cuts $name or ${name}.
func variable(s string) (name string, n int) {
	braced := len(s) > 1 && s[1] == '{'
	from := 1
	if braced {
		from = 2
	}
	end := from
	for end < len(s) && (letter(s[end]) || s[end]-'0' <= 9) {
		end++
	}
	if end == from || braced && (end == len(s) || s[end] != '}') {
		return "", 0
	}
	if braced {
		return s[from:end], end + 1
	}
	return s[from:end], end
}

func nginxShape(name string) shape {
	if name == "time_local" {
		return logged
	}
	return until
}

// NginxVariable is the meaning of a variable of nginx. Those that begin with an underscore are the user's own and are
// passed over.
func NginxVariable(name string) (m record.Meaning, known bool) {
	if what, ok := NginxNames()[name]; ok {
		return record.Meaning{What: what}, true
	}
	if strings.HasPrefix(name, "_") || slices.Contains(nginxUnread(), name) {
		return record.Meaning{}, true
	}
	for _, p := range [...]string{"cookie_", "arg_", "upstream_cookie_", "upstream_trailer_", "sent_trailer_"} {
		if strings.HasPrefix(name, p) {
			return record.Meaning{}, true
		}
	}
	if field, ok := strings.CutPrefix(name, "sent_http_"); ok {
		return record.ResponseHeaderMeaning(fieldName(field)), true
	}
	if strings.HasPrefix(name, "upstream_http_") {
		return record.Meaning{}, true // what the client saw is in sent_http_
	}
	if field, ok := strings.CutPrefix(name, "http_"); ok {
		return record.HeaderMeaning(fieldName(field)), true
	}
	return record.Meaning{}, false
}

// fieldName makes x_request_id X-Request-Id again.
func fieldName(v string) string {
	words := strings.Split(v, "_")
	for i, w := range words {
		if w != "" {
			words[i] = strings.ToUpper(w[:1]) + strings.ToLower(w[1:])
		}
	}
	return strings.Join(words, "-")
}

// NginxNames are the variables of nginx that are read (https://nginx.org/en/docs/varindex.html; ssl_ja4 as the public ja4 modules call it).
func NginxNames() map[string]record.What {
	return map[string]record.What{
		"remote_addr": record.Client, "realip_remote_addr": record.Peer, "remote_port": record.Port, "proxy_protocol_addr": record.Peer,
		"time_local": record.Time, "time_iso8601": record.Time, "msec": record.Time,
		"request": record.Request, "request_method": record.Method, "request_uri": record.URI, "uri": record.Path, "document_uri": record.Path,
		"args": record.Query, "query_string": record.Query, "status": record.Status,
		"body_bytes_sent": record.ResponseBody, "bytes_sent": record.ResponseSent, "request_length": record.RequestReceived, "content_length": record.RequestBody,
		"host": record.HostUsed, "server_name": record.ServerHost, "ssl_server_name": record.ServerName, "proxy_add_x_forwarded_for": record.Nothing,
		"request_time": record.DurationSeconds, "upstream_response_time": record.LatencySeconds, "upstream_header_time": record.Nothing,
		"ssl_ja4": record.JA4, "http_ssl_ja4": record.JA4, "ja4": record.JA4,
	}
}

// nginxUnread are known and not read.
func nginxUnread() []string {
	return []string{
		"remote_user", "server_protocol", "scheme", "https", "server_port", "server_addr", "hostname", "connection", "connection_requests", "connection_time",
		"pipe", "pid", "request_id", "request_completion", "request_body", "request_filename", "document_root", "realpath_root", "content_type", "is_args", "limit_rate",
		"binary_remote_addr", "nginx_version", "gzip_ratio", "msie", "proxy_host", "proxy_port", "realip_remote_port", "proxy_protocol_port", "tcpinfo_rtt",
		"upstream_addr", "upstream_status", "upstream_connect_time", "upstream_cache_status", "upstream_bytes_received", "upstream_bytes_sent", "upstream_response_length",
		"upstream_first_byte_time", "upstream_session_time", "upstream_queue_time", "ssl_protocol", "ssl_cipher", "ssl_ciphers", "ssl_curve", "ssl_curves", "ssl_alpn_protocol", "ssl_session_id", "ssl_session_reused", "ssl_early_data",
		"ssl_client_verify", "ssl_client_s_dn", "ssl_client_i_dn", "ssl_client_serial", "ssl_client_fingerprint", "ssl_ja4_string", "ssl_ja3", "ssl_ja3_hash", "ssl_greased",
		"geoip_country_code", "geoip_city", "http2", "http3", "modern_browser", "ancient_browser", "invalid_referer", "namespace", "ingress_name", "service_name", "service_port", "proxy_upstream_name", "proxy_alternative_upstream_name", "req_id", "the_real_ip",
		"date_local", "date_gmt", "status_text", "server_label", "limit_req_status", "limit_conn_status",
	}
}

func nginxNames() []string {
	var names []string
	for name := range NginxNames() {
		names = append(names, "$"+name)
	}
	slices.Sort(names)
	return names
}
