// Package reach is how servers are reached: which addresses of a name are one machine, TLS towards it, and which failures are our own.
package reach

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"slices"
	"syscall"
)

// ErrLocal says that this machine had nothing left to connect with.
var ErrLocal = errors.New("this machine has no descriptor, port or memory left for another connection to an upstream")

// Local tells whether connecting failed for want of something of our own. (A unix socket whose server does not keep up
// fails with EAGAIN, which is not among them.)
func Local(err error) bool {
	for _, one := range [...]syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, one) {
			return true
		}
	}
	return false
}

// Handshake runs the TLS handshake within ctx.
func Handshake(ctx context.Context, nc net.Conn, c *tls.Config) (net.Conn, error) {
	t := tls.Client(nc, c)
	if err := t.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, err
	}
	return t, nil
}

// maxAddresses bounds the servers of one name.
const maxAddresses = 64

// Pair makes a server of each IPv4 address, with an IPv6 address as its second choice where there is one: the two families of
// one name are the same machines. With IPv6 alone each address is a server.
func Pair(found []netip.Addr, port string) (servers [][]string) {
	var four, six []string
	for _, a := range found {
		a = a.Unmap()
		at := net.JoinHostPort(a.String(), port)
		if a.Is4() {
			four = append(four, at)
		} else {
			six = append(six, at)
		}
	}
	sort := func(list []string) []string {
		slices.Sort(list)
		list = slices.Compact(list)
		return list[:min(len(list), maxAddresses)]
	}
	four, six = sort(four), sort(six)
	if len(four) == 0 {
		four, six = six, nil
	}
	for i, at := range four {
		one := []string{at}
		if len(six) > 0 {
			one = append(one, six[i%len(six)])
		}
		servers = append(servers, one)
	}
	return servers
}
