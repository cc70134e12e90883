package netform

import (
	"net/http"
	"net/netip"
	"strings"

	"merlon/internal/model/exchange"
)

// Told is a request that another program received and tells of in fields of its own. Only a trusted program may be
// believed: whoever writes these fields says who the client is.
type Told struct {
	Line Line
	// Client is the address that the program took the request from; not valid when it did not say.
	Client netip.Addr
	// Without are the fields that are not the client's: those that tell, and those of the hop between us and the program.
	Without []string
}

// FieldError is an error of Original, Forwarded and Copied: the other program is not set up as its recipe says.
type FieldError struct {
	Field string // as the recipe writes it
	Fault string // what is wrong with it; nothing of what was sent
}

// Error implements error.
func (e *FieldError) Error() string { return e.Field + " " + e.Fault }

// hop are fields of the connection between the other program and us.
var hop = []string{"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Upgrade"}

var (
	withoutOriginal  = append([]string{"X-Original-Uri", "X-Original-Method", "X-Original-Host", "X-Real-Ip"}, hop...)
	withoutForwarded = append([]string{
		"X-Forwarded-Uri", "X-Forwarded-Method", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Server", "X-Real-Ip",
	}, hop...)
)

// Original reads X-Original-URI, X-Original-Method, X-Original-Host and X-Real-IP, as nginx is set up to write them. What
// nginx does not overwrite is the client's, X-Forwarded-For too. Each must be there once: whoever is judged by less than
// was asked about may do what another may not.
func Original(r *http.Request) (Told, error) {
	t := Told{Line: LineOf(r), Without: withoutOriginal}
	t.Line.HTTP10 = false // that was the program's way to us
	var client string
	for _, f := range [...]told{
		{"X-Original-URI", "X-Original-Uri", &t.Line.Target},
		{"X-Original-Method", "X-Original-Method", &t.Line.Method},
		{"X-Original-Host", "X-Original-Host", &t.Line.Host},
		{"X-Real-IP", "X-Real-Ip", &client},
	} {
		if err := f.read(r.Header); err != nil {
			return t, err
		}
	}
	if t.Client = address(client); !t.Client.IsValid() {
		return t, &FieldError{"X-Real-IP", noAddress}
	}
	return t, nil
}

// Forwarded reads X-Forwarded-Uri, -Method, -Host and -For, as Traefik and Caddy write them: each must be there once. The
// last address of X-Forwarded-For is the program's own entry, the client; it is taken out of r, so that what is left is
// what the client sent, and hops before the program are counted from there.
func Forwarded(r *http.Request) (Told, error) {
	t := Told{Line: LineOf(r), Without: withoutForwarded}
	t.Line.HTTP10 = false
	var clients string
	for _, f := range [...]told{
		{"X-Forwarded-Uri", "X-Forwarded-Uri", &t.Line.Target},
		{"X-Forwarded-Method", "X-Forwarded-Method", &t.Line.Method},
		{"X-Forwarded-Host", "X-Forwarded-Host", &t.Line.Host},
		{"X-Forwarded-For", "X-Forwarded-For", &clients},
	} {
		if err := f.read(r.Header); err != nil {
			return t, err
		}
	}
	comma := strings.LastIndexByte(clients, ',')
	if t.Client = address(clients[comma+1:]); !t.Client.IsValid() {
		return t, &FieldError{"X-Forwarded-For", "does not end with the client's address"}
	}
	if comma >= 0 {
		r.Header["X-Forwarded-For"][0] = clients[:comma]
	} else {
		delete(r.Header, "X-Forwarded-For")
	}
	return t, nil
}

// Copied reads what Original reads of a copy that nothing waits for: only the target must be told. Method and host are
// the copy's own where they are not, and the client is unknown.
func Copied(r *http.Request) (Told, error) {
	t := Told{Line: LineOf(r), Without: withoutOriginal}
	t.Line.HTTP10 = false
	var client string
	for i, f := range [...]told{
		{"X-Original-URI", "X-Original-Uri", &t.Line.Target},
		{"X-Original-Method", "X-Original-Method", &t.Line.Method},
		{"X-Original-Host", "X-Original-Host", &t.Line.Host},
		{"X-Real-IP", "X-Real-Ip", &client},
	} {
		if err := f.read(r.Header); err != nil && i == 0 {
			return t, err
		}
	}
	t.Client = address(client)
	return t, nil
}

// told is a field that tells: its name in the recipes and in net/http, and where its value goes.
type told struct {
	name, key string
	to        *string
}

const noAddress = "is not an address: behind a unix socket, have the program find out the client's (nginx: set_real_ip_from unix:)"

// read takes the value of a field that is there once; a second one is somebody else's word.
func (f told) read(h http.Header) error {
	switch v := h[f.key]; {
	case len(v) > 1:
		return &FieldError{f.name, "is there more than once: overwrite it, do not add to it"}
	case len(v) == 0 || v[0] == "":
		return &FieldError{f.name, "is missing"}
	default:
		*f.to = v[0]
		return nil
	}
}

// Describe fills in what an exchange has of a told request whose head f was read from it.
func (t *Told) Describe(x *exchange.Exchange, f *Request) {
	Describe(x, &f.Head)
	x.Client.Addr = t.Client
	if !t.Client.IsValid() {
		x.Observed &^= exchange.SawClient
	}
}

// address reads an address with or without port; zones name interfaces of another machine.
func address(s string) netip.Addr {
	s = strings.TrimSpace(s)
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		p, err := netip.ParseAddrPort(s)
		if err != nil {
			return netip.Addr{}
		}
		a = p.Addr()
	}
	if a.Zone() != "" {
		return netip.Addr{}
	}
	return a.Unmap()
}

// Trusts tells whether the peer of a request (http.Request.RemoteAddr) is in one of the networks; with none it is this
// machine alone. Peers of a unix socket are this machine.
func Trusts(networks []netip.Prefix, peer string) bool {
	p, err := netip.ParseAddrPort(peer)
	if err != nil {
		return peer == "" || peer == "@"
	}
	a := p.Addr().Unmap().WithZone("")
	if len(networks) == 0 {
		return a.IsLoopback()
	}
	for _, n := range networks {
		if n.Contains(a) {
			return true
		}
	}
	return false
}
