package identity

import (
	"net/netip"
	"slices"
	"testing"
)

func TestTheActorIsTheBestProvedIdentity(t *testing.T) {
	proved := Principal{Token: 7, Strength: Accepted}
	claimed := Principal{Token: 7, Strength: Claimed}
	issued := Session{Token: 9, Issued: true}
	for _, tt := range []struct {
		name string
		p    Principal
		s    Session
		f    Fingerprint
		want ActorKind
	}{
		{"a proved principal", proved, issued, 5, ActorPrincipal},
		{"a claim is nobody", claimed, issued, 5, ActorSession},
		{"a session nobody issued", claimed, Session{Token: 9}, 5, ActorFingerprint},
		{"a proved nobody", Principal{Strength: Verified}, Session{}, 5, ActorFingerprint},
		{"only a network", Principal{}, Session{}, 0, ActorNetwork},
	} {
		if got := SettleActor(tt.p, tt.s, tt.f, 3); got.Kind != tt.want || got.Token == 0 {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	if a, b := SettleActor(Principal{}, Session{}, 5, 3), SettleActor(Principal{}, Session{}, 5, 4); a == b {
		t.Error("one fingerprint in two networks is one actor")
	}
}

func TestNetworks(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "192.0.2.254", true},
		{"192.0.2.1", "192.0.3.1", false},
		{"192.0.2.1", "::ffff:192.0.2.9", true},
		{"2001:db8:1::1", "2001:db8:1:ffff::1", true},
		{"2001:db8:1::1", "2001:db8:2::1", false},
		{"fe80::1%eth0", "fe80::2", true},
		{"0.0.0.1", "::1", false},
	} {
		a, b := netip.MustParseAddr(tt.a), netip.MustParseAddr(tt.b)
		if same := NetworkID(a) == NetworkID(b); same != tt.same || (Network(a) == Network(b)) != tt.same {
			t.Errorf("%s and %s: one network is %v by number, %v by prefix, want %v", a, b, same, Network(a) == Network(b), tt.same)
		}
		if NetworkID(a) == 0 {
			t.Errorf("%s has no network", a)
		}
	}
	if NetworkID(netip.Addr{}) != 0 || Network(netip.Addr{}).IsValid() {
		t.Error("no address has a network")
	}
}

func TestCredentials(t *testing.T) {
	s := Credentials(0).With(Cookie).With(Bearer).With(MTLS)
	if !slices.Equal(s.Names(), []string{"bearer", "mtls", "cookie"}) || s.Has(Basic) || !s.Has(Cookie) {
		t.Errorf("%v", s.Names())
	}
}

func TestStrengthsAreOrdered(t *testing.T) {
	if !(Anonymous < Claimed && Claimed < Accepted && Accepted < Verified) || Claimed.Proved() || !Accepted.Proved() || !Verified.Proved() {
		t.Error("the order of strengths carries meaning")
	}
}
