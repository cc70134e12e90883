package account

import (
	"errors"
	"strings"
	"testing"
)

func TestMay(t *testing.T) {
	// The table as a picture: one column a role, in the order of Roles.
	want := map[Permission]string{
		SeeStatus: "vdsoa", SeeMetrics: "--soa", SeeInventory: "vdsoa", EditInventory: "-ds-a", EditViews: "vdsoa", SeeEvents: "-dsoa",
		SeeStanding: "-dsoa", EditStanding: "--soa", SeePolicy: "-dsoa", EditPolicy: "--s-a", SeeAudit: "--soa", SeeSettings: "--soa",
		SeePeople: "--s-a", EditPeople: "----a", EditTokens: "----a", SeeProfiles: "----a",
	}
	if len(want) != len(Permissions()) {
		t.Fatalf("%d permissions, %d in the picture", len(Permissions()), len(want))
	}
	for _, p := range Permissions() {
		if p.About() == "" {
			t.Errorf("%s does not say what it permits", p)
		}
		for i, r := range Roles() {
			if got := r.May(p); got != (want[p][i] != '-') {
				t.Errorf("%s may %s: %v", r, p, got)
			}
		}
	}
}

func TestMayOfNobody(t *testing.T) {
	for _, r := range []Role{"", "root", "Admin", "admin "} {
		if !r.May(Open) {
			t.Errorf("%q may not even what is open", r)
		}
		for _, p := range append(Permissions(), SignedIn, Self) {
			if r.May(p) {
				t.Errorf("%q may %s", r, p)
			}
		}
	}
	if Admin.May("made up") {
		t.Error("admin may what no use case asks for")
	}
}

func TestCheckName(t *testing.T) {
	for _, name := range []string{"ana", "ana@acme.example", "ci-1", "A.B+c_d", strings.Repeat("a", MaxName)} {
		if err := CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", "a b", "ana\n", "anа" /* Cyrillic */, "<b>", strings.Repeat("a", MaxName+1)} {
		if !errors.Is(CheckName(name), ErrName) {
			t.Errorf("%q taken", name)
		}
	}
}

func TestCheckPassword(t *testing.T) {
	tests := []struct {
		name, password string
		want           error
	}{
		{"words", "correct horse battery", nil},
		{"twelve characters of two bytes", strings.Repeat("żó", 6), nil},
		{"eleven characters of two bytes", strings.Repeat("ż", 11), ErrShortPassword},
		{"eleven", "elevenchars", ErrShortPassword},
		{"empty", "", ErrShortPassword},
		{"longest", strings.Repeat("ab", MaxPassword/2), nil},
		{"too long", strings.Repeat("ab", MaxPassword), ErrLongPassword},
		{"repeated", strings.Repeat("a", 20), ErrPlainPassword},
		{"the name", "ANA@acme.example", ErrPlainPassword},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := CheckPassword(tt.password, "ana@acme.example"); !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
}

func TestOnlyCodesAreASecondFactor(t *testing.T) {
	for _, tt := range []struct {
		name string
		a    Account
		want bool
	}{
		{"a password", Account{}, false},
		{"passkeys beside a password", Account{Passkeys: 2}, false},
		{"codes", Account{Codes: true}, true},
		{"both", Account{Codes: true, Passkeys: 1}, true},
	} {
		if got := tt.a.SecondFactor(); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func TestNobodyIsCalledMerlon(t *testing.T) {
	for _, name := range []string{"merlon", "Merlon", "MERLON"} {
		if err := CheckName(name); !errors.Is(err, ErrOwnName) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := CheckName("merlon-ci"); err != nil {
		t.Error(err)
	}
}
