package reach

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestPairs(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"127.0.0.1 ::1", "[[127.0.0.1:80 [::1]:80]]"},
		{"::1 2001:db8::1", "[[[2001:db8::1]:80] [[::1]:80]]"},
		{"192.0.2.2 192.0.2.1 192.0.2.2", "[[192.0.2.1:80] [192.0.2.2:80]]"},
		{"192.0.2.2 192.0.2.1 2001:db8::1 2001:db8::2", "[[192.0.2.1:80 [2001:db8::1]:80] [192.0.2.2:80 [2001:db8::2]:80]]"},
	} {
		var found []netip.Addr
		for s := range strings.FieldsSeq(tc.in) {
			found = append(found, netip.MustParseAddr(s))
		}
		if got := fmt.Sprint(Pair(found, "80")); got != tc.want {
			t.Errorf("%s: %s", tc.in, got)
		}
	}
}

func TestLocal(t *testing.T) {
	for errno, want := range map[syscall.Errno]bool{
		syscall.EMFILE: true, syscall.ENFILE: true, syscall.EADDRNOTAVAIL: true, syscall.ENOBUFS: true, syscall.ENOMEM: true,
		syscall.ECONNREFUSED: false, syscall.EAGAIN: false, syscall.ENETUNREACH: false, syscall.ETIMEDOUT: false,
	} {
		if got := Local(&net.OpError{Op: "dial", Err: os.NewSyscallError("socket", errno)}); got != want {
			t.Errorf("%v: %v", errno, got)
		}
	}
	if Local(nil) || Local(errors.New("too many open files")) {
		t.Error("what is no system error is taken for one")
	}
}
