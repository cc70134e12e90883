package jsonlog

import (
	"bytes"
	"strings"

	"merlon/internal/edge/ingest/logformat"
	"merlon/internal/edge/ingest/record"
)

func leaf(what record.What) *Map { return &Map{meaning: record.Meaning{What: what}} }

func meant(m record.Meaning) *Map { return &Map{meaning: m} }

// Nginx is the map of logs whose members are called like nginx's variables, with the names that people give them.
func Nginx() *Map {
	m := &Map{members: make(map[string]*Map)}
	for name, what := range logformat.NginxNames() {
		m.members[name] = leaf(what)
		m.members["$"+name] = m.members[name]
	}
	for name, what := range map[string]record.What{
		"time": record.Time, "timestamp": record.Time, "@timestamp": record.Time, "ts": record.Time, "time_stamp": record.Time, "datetime": record.Time,
		"remote_ip": record.Client, "client_ip": record.Client, "client": record.Client, "clientip": record.Client, "ip": record.Client, "remote_host": record.Client,
		"method": record.Method, "verb": record.Method, "url": record.URI, "path": record.URI, "request_path": record.URI, "query": record.Query,
		"response_code": record.Status, "status_code": record.Status, "response_status": record.Status,
		"bytes": record.ResponseSent, "body_bytes": record.ResponseBody, "size": record.ResponseBody,
		"http_host": record.HostHeader, "vhost": record.ServerHost, "domain": record.ServerHost, "server": record.ServerHost,
		"x_forwarded_for": record.Forwarded, "http_x_forwarded_for": record.Forwarded, "xff": record.Forwarded,
	} {
		if m.members[name] == nil {
			m.members[name] = leaf(what)
		}
	}
	// A request target, where nginx itself would give the path that it has decoded.
	m.members["uri"] = leaf(record.Path)
	for name, field := range map[string]string{
		"http_user_agent": "User-Agent", "user_agent": "User-Agent", "agent": "User-Agent", "http_referer": "Referer", "referer": "Referer", "referrer": "Referer",
		"http_referrer": "Referer", "content_type": "Content-Type", "http_origin": "Origin", "http_accept": "Accept", "http_accept_language": "Accept-Language",
		"http_accept_encoding": "Accept-Encoding", "http_content_type": "Content-Type", "http_x_request_id": "X-Request-Id", "http_x_real_ip": "X-Real-Ip",
	} {
		m.members[name] = meant(record.HeaderMeaning(field))
	}
	m.members["sent_http_content_type"] = meant(record.ResponseHeaderMeaning("Content-Type"))
	m.members["sent_http_location"] = meant(record.ResponseHeaderMeaning("Location"))
	return m
}

// Caddy is the map of Caddy's access logs (https://caddyserver.com/docs/logging).
func Caddy() *Map {
	request := &Map{members: map[string]*Map{
		"remote_ip": leaf(record.Peer), "remote_addr": leaf(record.Peer), "client_ip": leaf(record.Client), "remote_port": leaf(record.Port),
		"method": leaf(record.Method), "host": leaf(record.HostHeader), "uri": leaf(record.URI), "headers": leaf(record.RequestHeaders),
		"tls": {members: map[string]*Map{"server_name": leaf(record.ServerName), "ja4": leaf(record.JA4)}},
	}}
	return &Map{
		members: map[string]*Map{
			"ts": leaf(record.Time), "request": request, "bytes_read": leaf(record.RequestBody), "duration": leaf(record.DurationSeconds),
			"size": leaf(record.ResponseBody), "status": leaf(record.Status), "resp_headers": leaf(record.ResponseHeaders),
		},
		skip: func(logger []byte) bool { return !bytes.HasPrefix(logger, []byte("http.log.access")) },
	}
}

// Envoy is the map of Envoy's JSON logs as Istio and most examples name their members.
func Envoy() *Map {
	m := &Map{members: map[string]*Map{
		"method": leaf(record.Method), "path": leaf(record.URI), "x_envoy_origin_path": leaf(record.URI), "x-envoy-original-path": leaf(record.URI),
		"authority": leaf(record.HostHeader), ":authority": leaf(record.HostHeader), "host": leaf(record.HostHeader), ":method": leaf(record.Method), ":path": leaf(record.URI),
		"downstream_remote_address_without_port": leaf(record.Client), "downstream_direct_remote_address": leaf(record.Peer), "x_forwarded_for": leaf(record.Forwarded),
		"forwarded_for": leaf(record.Forwarded), "upstream_service_time": leaf(record.LatencyMillis), "x_envoy_upstream_service_time": leaf(record.LatencyMillis),
		"user_agent": meant(record.HeaderMeaning("User-Agent")), "referer": meant(record.HeaderMeaning("Referer")), "request_id": leaf(record.Nothing),
		"tls_ja4_fingerprint": leaf(record.JA4), "ja4": leaf(record.JA4),
	}}
	for name, meaning := range logformat.EnvoyNames() {
		m.members[strings.ToLower(name)] = leaf(meaning)
	}
	return m
}
