// Package config is the boot configuration as plain data: what merlon.yaml and the command line say, checked, with every mistake listed.
//
// [Load] reads a file, [Default] is what holds without one, [Config.Apply] lays the command line over it.
// Nothing here opens a socket, resolves a name or reads the environment: whatever acts on the configuration is
// handed the values, and config imports none of it. Policy files are parsed by enforce/policy; here they are only names.
package config

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Config is one node's boot configuration: the whole of merlon.yaml after defaults and flags.
type Config struct {
	// Node is this process's name on every exchange, event and row; nodes that share a store need different ones.
	Node string `yaml:"node"`
	// Listen holds the addresses on which clients are served.
	Listen []Listener `yaml:"listen"`
	// Refuse drops clients before anything is spent on them, on every listener.
	Refuse Refuse `yaml:"refuse"`
	// Admin is the surface for the humans: dashboard, API, metrics, health.
	Admin Admin `yaml:"admin"`
	// Decide answers other proxies' questions: forward-auth for nginx auth_request, Traefik and Caddy.
	Decide Door `yaml:"decide"`
	// Mirror receives copies of requests, as nginx's mirror sends them.
	Mirror Door `yaml:"mirror"`
	// OTLP receives OpenTelemetry logs and traces over HTTP (OTLP/HTTP).
	OTLP OTLP `yaml:"otlp"`
	// Sites are the APIs behind this node; the host of a request chooses one.
	Sites []Site `yaml:"sites"`
	// Storage says where everything learned is kept: sqlite:DIRECTORY.
	Storage Storage `yaml:"storage"`
	// Archive says where events go for long keeping; the store's own engine is the only one so far.
	Archive Storage `yaml:"archive"`
	// Counters says where limits count; in this process ("memory:") is the only place so far.
	Counters Counters `yaml:"counters"`
	// NATS names the broker that joins nodes to a fleet; "none" is the only value so far.
	NATS NATS `yaml:"nats"`
	// Limits bound what one message, one connection and the queue may take.
	Limits Limits `yaml:"limits"`
	// Timeouts bound how long each step of an exchange may take.
	Timeouts Timeouts `yaml:"timeouts"`
	// Retention bounds what is kept, by bytes, age and rows.
	Retention Retention `yaml:"retention"`
	// Logs are Merlon's own log lines, on standard error.
	Logs Logs `yaml:"logs"`
	// Reload says when the files are read again.
	Reload Reload `yaml:"reload"`
}

// Admin is the surface for the humans.
type Admin struct {
	// Address is host:port of the dashboard, the API, /metrics and the health checks.
	Address string `yaml:"address"`
	// Hosts are further Host names under which the surface answers, against DNS rebinding; loopback names and the address's own host always do.
	Hosts []string `yaml:"hosts"`
	// AllowInsecure permits an address other than loopback without TLS.
	AllowInsecure bool `yaml:"allow_insecure"`
	// OpenMetrics opens /metrics to callers without login or token.
	OpenMetrics bool `yaml:"open_metrics"`
}

// Refuse says whose connections are closed at once, without an answer. Policy is the finer tool: it sees requests.
type Refuse struct {
	// Networks are client networks.
	Networks []netip.Prefix `yaml:"networks"`
	// JA4 are fingerprints of TLS clients (FoxIO's JA4); their handshake ends at the ClientHello.
	JA4 []string `yaml:"ja4"`
}

// Door is a side door: a further address where other programs bring what they have seen or ask what to do.
type Door struct {
	// Address is host:port; empty closes the door.
	Address string `yaml:"address"`
	// From lists the networks that may use the door; empty means this machine only. Whoever may use it is believed.
	From []netip.Prefix `yaml:"from"`
	// Site is the site of everything that comes in; empty lets the host of each request choose.
	Site string `yaml:"site"`
}

// OTLP is the side door for OpenTelemetry, whose exporters can prove who they are.
type OTLP struct {
	// Address is host:port; empty closes the door.
	Address string `yaml:"address"`
	// From lists the networks that may use the door; empty means this machine only. Whoever may use it is believed.
	From []netip.Prefix `yaml:"from"`
	// Site is the site of everything that comes in; empty lets the resource and the host of each request choose.
	Site string `yaml:"site"`
	// TokenFile is a file with the token that senders must present (Authorization: Bearer), read at start; empty means none is asked for.
	TokenFile string `yaml:"token_file"`
}

// Door is what every side door has.
func (o OTLP) Door() Door { return Door{Address: o.Address, From: o.From, Site: o.Site} }

// Token bounds: sixteen characters made by chance cannot be guessed, and none of use is longer than the field's limit.
const (
	minToken = 16
	maxToken = 4 << 10
)

// ParseToken reads a token file: one line, of the characters that a bearer token may have (RFC 6750, section 2.1). The
// error says nothing of what is in it.
func ParseToken(content []byte) (string, error) {
	token := strings.TrimSpace(string(content))
	odd := strings.IndexFunc(token, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~+/=", r))
	})
	switch {
	case token == "":
		return "", errors.New("holds no token")
	case odd >= 0:
		return "", errors.New("holds more than one line of letters, digits and -._~+/=")
	case len(token) < minToken || len(token) > maxToken:
		return "", fmt.Errorf("holds a token of %d characters, not of %d to %d", len(token), minToken, maxToken)
	}
	return token, nil
}

// Retention bounds what is kept. Age is measured by arrival, so no line of a log can make anything expire.
type Retention struct {
	// JournalBytes bounds the journal on disk, recovery and sample together.
	JournalBytes Bytes `yaml:"journal_bytes"`
	// JournalAge is how long the journal's sample of whole actors is kept.
	JournalAge time.Duration `yaml:"journal_age"`
	// EventRows is how many events the store keeps for the event list and reports.
	EventRows int `yaml:"event_rows"`
}

// Logs are Merlon's own log lines. They never carry bodies, credentials or query values.
type Logs struct {
	// Level is debug, info, warn or error: lines below it are left out.
	Level string `yaml:"level"`
	// Format is text, json, or auto: text on a terminal, JSON elsewhere.
	Format string `yaml:"format"`
}

// Reload says when configuration, policies, descriptions and certificates are read again. What has mistakes never replaces what runs.
type Reload struct {
	// Watch reads them again when they change on disk; SIGHUP always does.
	Watch bool `yaml:"watch"`
	// Quiet is how long the files must have stood still before they are read, so that a half-written one is not.
	Quiet time.Duration `yaml:"quiet"`
}
