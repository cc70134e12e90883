package netform

import (
	"errors"
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

// Errors of Original and Forwarded: the other program is not set up as its recipe says.
var (
	ErrNoTarget = errors.New("the request does not say which target was asked for")
	ErrNoMethod = errors.New("the request does not say which method was used")
)

// hop are fields of the connection between the other program and us.
var hop = []string{"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Upgrade"}

var (
	withoutOriginal  = append([]string{"X-Original-Uri", "X-Original-Method", "X-Original-Host", "X-Real-Ip"}, hop...)
	withoutForwarded = append([]string{
		"X-Forwarded-Uri", "X-Forwarded-Method", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Server", "X-Real-Ip",
	}, hop...)
)

// Original reads X-Original-URI, X-Original-Method, X-Original-Host and X-Real-IP, as nginx is set up to write them. What
// nginx does not overwrite is the client's, X-Forwarded-For too. Without a method it is the message's own, as in a copy.
func Original(r *http.Request) (Told, error) {
	t := Told{Line: LineOf(r), Without: withoutOriginal}
	var ok bool
	if t.Line.Target, ok = one(r.Header, "X-Original-Uri"); !ok {
		return t, ErrNoTarget
	}
	if method, ok := one(r.Header, "X-Original-Method"); ok {
		t.Line.Method = method
	}
	if host, ok := one(r.Header, "X-Original-Host"); ok {
		t.Line.Host = host
	}
	if client, ok := one(r.Header, "X-Real-Ip"); ok {
		t.Client = address(client)
	}
	t.Line.HTTP10 = false // that was the program's way to us
	return t, nil
}

// Forwarded reads X-Forwarded-Uri, -Method, -Host and -For, as Traefik and Caddy write them. The last address of
// X-Forwarded-For is the program's own entry, the client; it is taken out of r, so that what is left is what the client
// sent, and hops before the program are counted from there.
func Forwarded(r *http.Request) (Told, error) {
	t := Told{Line: LineOf(r), Without: withoutForwarded}
	var ok bool
	if t.Line.Target, ok = one(r.Header, "X-Forwarded-Uri"); !ok {
		return t, ErrNoTarget
	}
	if t.Line.Method, ok = one(r.Header, "X-Forwarded-Method"); !ok {
		return t, ErrNoMethod
	}
	if host, ok := one(r.Header, "X-Forwarded-Host"); ok {
		t.Line.Host = host
	}
	if all := r.Header["X-Forwarded-For"]; len(all) > 0 {
		last := all[len(all)-1]
		comma := strings.LastIndexByte(last, ',')
		t.Client = address(last[comma+1:])
		if comma >= 0 {
			all[len(all)-1] = last[:comma]
		} else {
			r.Header["X-Forwarded-For"] = all[:len(all)-1]
		}
	}
	t.Line.HTTP10 = false
	return t, nil
}

// Describe fills in what an exchange has of a told request whose head f was read from it.
func (t *Told) Describe(x *exchange.Exchange, f *Request) {
	Describe(x, &f.Head)
	x.Client.Addr = t.Client
	if !t.Client.IsValid() {
		x.Observed &^= exchange.SawClient
	}
}

// one is the value of a field that is there once; a second one is somebody else's word.
func one(h http.Header, name string) (string, bool) {
	v := h[name]
	if len(v) != 1 || v[0] == "" {
		return "", false
	}
	return v[0], true
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
