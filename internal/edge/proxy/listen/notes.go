package listen

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"sync"

	"merlon/internal/model/identity"
)

// reason is why a client is worth a line in the log.
type reason uint8

const (
	reasonNone reason = iota
	reasonCrowd
	reasonProxyHeader
	reasonHandshakes
	reasonNoCertificate
	reasonExpired
	reasonUnknownAuthority
	reasonCertificate // refused for anything else
	reasonFlood
)

const certificateRefused = "a client's certificate was refused: "

// text is the line; it holds nothing that came over the wire.
func (r reason) text() string {
	return [...]string{
		reasonCrowd:            "a network has as many connections as it may have while few places are left; if it is a load balancer of yours, list it in proxy_protocol, or raise limits.connections_per_network",
		reasonProxyHeader:      "a trusted peer's PROXY protocol header is damaged, and its connection was closed: check what it sends, and proxy_protocol of this listener",
		reasonHandshakes:       "a network's TLS handshakes keep failing: its clients do not accept the certificate or the versions, or it is a flood",
		reasonNoCertificate:    certificateRefused + "it gave none, and this listener demands one",
		reasonExpired:          certificateRefused + "it has expired, or is not valid yet by this machine's clock",
		reasonUnknownAuthority: certificateRefused + "none of this listener's authorities has signed it",
		reasonCertificate:      certificateRefused + "it does not verify",
		reasonFlood:            "an HTTP/2 connection was closed for frames that cost work and carry nothing",
	}[r]
}

// Lines that anybody can provoke over the wire have bounds: one a minute for each network and reason, and notesMinute in all.
const notesMinute = 60

// notes remembers who was told of, and counts what was left out. Memory is fixed: a network and reason have four places where
// they may stand; the one that was noted the longest ago gives way.
type notes struct {
	mu     sync.Mutex
	sets   [64][4]noted
	minute int64
	lines  int   // in minute
	looked int64 // the minute of the last look for what was left out
	others int   // left out of entries that gave way
}

type noted struct {
	network uint64
	addr    netip.Addr
	why     reason
	told    int64 // the minute of the last line, 0 before
	seen    int64 // the minute of the last event
	left    int   // out, since then
}

// take counts one event and tells whether it may be said now, with how many were not since the last line.
func (n *notes) take(network uint64, addr netip.Addr, why reason, minute int64) (left int, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	set := &n.sets[(network+uint64(why))*0x9e3779b97f4a7c15>>58]
	at := &set[0]
	for i := range set {
		if e := &set[i]; e.network == network && e.why == why {
			at = e
			break
		} else if e.seen < at.seen {
			at = e
		}
	}
	if at.network != network || at.why != why {
		n.others += at.left
		*at = noted{network: network, addr: addr, why: why}
	}
	at.seen = minute
	if at.told == minute || !n.room(minute) {
		at.left++
		return 0, false
	}
	left, at.told, at.left = at.left, minute, 0
	return left, true
}

func (n *notes) room(minute int64) bool {
	if n.minute != minute {
		n.minute, n.lines = minute, 0
	}
	n.lines++
	return n.lines <= notesMinute
}

// due takes those that were left out in minutes before this one, and have not come again to be said with the next.
func (n *notes) due(minute int64) (list []noted, others int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.looked == minute {
		return nil, 0
	}
	n.looked = minute
	for i := range n.sets {
		for j := range n.sets[i] {
			if e := &n.sets[i][j]; e.left > 0 && e.seen < minute && n.room(minute) {
				list = append(list, *e)
				e.left, e.told = 0, minute
			}
		}
	}
	others, n.others = n.others, 0
	return list, others
}

// note says in the log what a client has done, within the bounds of notes.
func (a *Admission) note(addr netip.Addr, why reason, with ...any) {
	left, ok := a.notes.take(identity.NetworkID(addr), addr, why, a.minute())
	if !ok {
		return
	}
	with = append([]any{"network", identity.Network(addr)}, with...)
	if left > 0 {
		with = append(with, "left_out_before", left)
	}
	a.o.Log.Warn(why.text(), with...)
}

// Flooded says in the log, within the same bounds, that a connection was closed for a flood; kind names its frames and holds
// nothing that came over the wire.
func (a *Admission) Flooded(addr netip.Addr, kind string) { a.note(addr, reasonFlood, "frames", kind) }

// tellLeftOut says what was left out of the log in the minutes before.
func (a *Admission) tellLeftOut() {
	list, others := a.notes.due(a.minute())
	for _, e := range list {
		a.o.Log.Warn(e.why.text(), "network", identity.Network(e.addr), "left_out_before", e.left)
	}
	if others > 0 {
		a.o.Log.Warn("lines about clients of further networks were left out of the log", "left_out_before", others)
	}
}

// certificateFault tells why a handshake's client certificate was refused; reasonNone when it was not about one.
func certificateFault(err error) (why reason, with []any) {
	var refused *tls.CertificateVerificationError
	if !errors.As(err, &refused) {
		if strings.Contains(err.Error(), "client didn't provide a certificate") { // crypto/tls has no type for it
			return reasonNoCertificate, nil
		}
		return reasonNone, nil
	}
	if len(refused.UnverifiedCertificates) > 0 {
		leaf := refused.UnverifiedCertificates[0]
		with = []any{"subject", cut(leaf.Subject.String()), "until", leaf.NotAfter}
	}
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return reasonExpired, with
	case errors.As(err, &unknown):
		return reasonUnknownAuthority, with
	}
	return reasonCertificate, append(with, slog.String("error", cut(refused.Err.Error())))
}

// cut bounds what came over the wire.
func cut(s string) string { return s[:min(len(s), 200)] }
