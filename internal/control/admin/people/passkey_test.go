package people_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"merlon/internal/control/admin/admintest"
	"merlon/internal/control/admin/people"
	"merlon/internal/model/account"
)

var party = people.Party{ID: "merlon.example", Origin: "https://merlon.example:9901"}

// authenticator is one made of software, as WebAuthn level 2 describes them: one key on P-256, and a counter.
type authenticator struct {
	key     *ecdsa.PrivateKey
	id      []byte
	handle  []byte
	counter uint32

	// What it gets wrong.
	origin string
	party  string
	flags  byte
}

const (
	present, verified, attested = 1, 4, 64
)

func newAuthenticator(t *testing.T) *authenticator {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := make([]byte, 32)
	_, _ = rand.Read(id)
	return &authenticator{key: key, id: id, origin: party.Origin, party: party.ID, flags: present | verified}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (a *authenticator) client(kind, challenge string) []byte {
	b, _ := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": a.origin, "crossOrigin": false})
	return b
}

func (a *authenticator) data(flags byte) []byte {
	sum := sha256.Sum256([]byte(a.party))
	return binary.BigEndian.AppendUint32(append(sum[:], flags), a.counter)
}

// create answers a registration.
func (a *authenticator) create(t *testing.T, c people.Ceremony) []byte {
	t.Helper()
	var o struct {
		Challenge string
		User      struct{ ID string }
		RP        struct{ ID string } `json:"rp"`
		Selection struct {
			Verification string `json:"userVerification"`
		} `json:"authenticatorSelection"`
	}
	if err := json.Unmarshal(c.Options, &o); err != nil || o.RP.ID != party.ID || o.Selection.Verification != "required" {
		t.Fatalf("%s %v", c.Options, err)
	}
	a.handle, _ = base64.RawURLEncoding.DecodeString(o.User.ID)
	public, err := a.key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		t.Fatal(err)
	}
	// The public key in COSE: {1: 2 (EC2), 3: -7 (ES256), -1: 1 (P-256), -2: x, -3: y}.
	cose := append([]byte{0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32}, public[1:33]...)
	cose = append(append(cose, 0x22, 0x58, 32), public[33:]...)
	data := append(a.data(a.flags|attested), make([]byte, 16)...) // no model
	data = append(binary.BigEndian.AppendUint16(data, uint16(len(a.id))), a.id...)
	data = append(data, cose...)
	object := append([]byte("\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58"), byte(len(data)))
	return a.answer(t, map[string]any{"clientDataJSON": b64(a.client("webauthn.create", o.Challenge)), "attestationObject": b64(append(object, data...))})
}

// get answers an assertion.
func (a *authenticator) get(t *testing.T, c people.Ceremony) []byte {
	t.Helper()
	var o struct{ Challenge, RPID, UserVerification string }
	if err := json.Unmarshal(c.Options, &o); err != nil || o.RPID != party.ID || o.UserVerification != "required" {
		t.Fatalf("%s %v", c.Options, err)
	}
	a.counter++
	client, data := a.client("webauthn.get", o.Challenge), a.data(a.flags)
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(data[:len(data):len(data)], hash[:]...))
	sig, err := ecdsa.SignASN1(rand.Reader, a.key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return a.answer(t, map[string]any{"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(sig), "userHandle": b64(a.handle)})
}

func (a *authenticator) answer(t *testing.T, response map[string]any) []byte {
	t.Helper()
	b, err := json.Marshal(map[string]any{"id": b64(a.id), "rawId": b64(a.id), "type": "public-key", "response": response, "clientExtensionResults": map[string]any{}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// add makes a passkey for somebody.
func add(t *testing.T, w *admintest.World, c people.Caller, name string) *authenticator {
	t.Helper()
	a := newAuthenticator(t)
	begun, err := w.Admin.BeginPasskey(t.Context(), c, party)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Admin.AddPasskey(t.Context(), c, party, begun.Ticket, name, a.create(t, begun)); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestPasskeys(t *testing.T) {
	w := admintest.New(t)
	in, ctx := w.SignIn(t), t.Context()
	first := add(t, w, in.Caller, "laptop")
	w.Wait(time.Second)
	second := add(t, w, in.Caller, " \xffphone ")
	list, err := w.Admin.Passkeys(ctx, in.Caller)
	if err != nil || len(list) != 2 || list[0].Host != party.ID || list[1].Name != "\ufffdphone" {
		t.Fatalf("%+v %v", list, err)
	}
	for _, a := range []*authenticator{first, second, first} {
		begun, err := w.Admin.BeginPasskeySignIn(ctx, from, party)
		if err != nil {
			t.Fatal(err)
		}
		answer := a.get(t, begun)
		s, err := w.Admin.SignInPasskey(ctx, from, party, begun.Ticket, answer)
		if err != nil || s.Caller.Name != admintest.Name || s.Secret == in.Secret {
			t.Fatalf("%+v %v", s.Caller, err)
		}
		if _, err := w.Admin.SignInPasskey(ctx, from, party, begun.Ticket, answer); !errors.Is(err, people.ErrPasskey) {
			t.Errorf("an answer works twice: %v", err)
		}
	}
	// With codes asked for after a password, a passkey is enough by itself.
	enrol(t, w, in.Caller)
	begun, _ := w.Admin.BeginPasskeySignIn(ctx, from, party)
	if _, err := w.Admin.SignInPasskey(ctx, from, party, begun.Ticket, first.get(t, begun)); err != nil {
		t.Error(err)
	}
	if err := w.Admin.RenamePasskey(ctx, in.Caller, list[0].ID, "desk"); err != nil {
		t.Error(err)
	}
	if err := w.Admin.RemovePasskey(ctx, in.Caller, list[1].ID); err != nil {
		t.Error(err)
	}
	if list, err = w.Admin.Passkeys(ctx, in.Caller); err != nil || len(list) != 1 || list[0].Name != "desk" || list[0].Used.IsZero() {
		t.Errorf("%+v %v", list, err)
	}
	begun, _ = w.Admin.BeginPasskeySignIn(ctx, from, party)
	if _, err := w.Admin.SignInPasskey(ctx, from, party, begun.Ticket, second.get(t, begun)); !errors.Is(err, people.ErrPasskey) {
		t.Errorf("a removed passkey: %v", err)
	}
}

// TestPasskeysThatAreNotRight: each differs from what is right in one thing.
func TestPasskeysThatAreNotRight(t *testing.T) {
	w := admintest.New(t)
	in, ctx := w.SignIn(t), t.Context()
	good := add(t, w, in.Caller, "laptop")
	ben := join(t, w, in.Caller, "ben", account.Viewer)
	other := add(t, w, ben.Caller, "ben's")
	for _, tt := range []struct {
		name string
		do   func(a *authenticator) (people.SignedIn, error)
	}{
		{"another origin", func(a *authenticator) (people.SignedIn, error) {
			a.origin = "https://merlon.example.evil.example"
			return signIn(t, w, a)
		}},
		{"another relying party", func(a *authenticator) (people.SignedIn, error) { a.party = "evil.example"; return signIn(t, w, a) }},
		{"nobody unlocked it", func(a *authenticator) (people.SignedIn, error) { a.flags = present; return signIn(t, w, a) }},
		{"nobody was there", func(a *authenticator) (people.SignedIn, error) { a.flags = verified; return signIn(t, w, a) }},
		{"another key", func(a *authenticator) (people.SignedIn, error) {
			a.key = newAuthenticator(t).key
			return signIn(t, w, a)
		}},
		{"another's handle", func(a *authenticator) (people.SignedIn, error) { a.handle = other.handle; return signIn(t, w, a) }},
		{"nobody's handle", func(a *authenticator) (people.SignedIn, error) { a.handle = []byte("nobody"); return signIn(t, w, a) }},
		{"no handle", func(a *authenticator) (people.SignedIn, error) { a.handle = nil; return signIn(t, w, a) }},
		{"a copy, whose counter goes back", func(a *authenticator) (people.SignedIn, error) {
			a.counter = 10
			if _, err := signIn(t, w, a); err != nil {
				t.Error(err)
			}
			a.counter = 3
			return signIn(t, w, a)
		}},
		{"too late", func(a *authenticator) (people.SignedIn, error) {
			a.counter = 20
			begun, _ := w.Admin.BeginPasskeySignIn(ctx, from, party)
			w.Wait(6 * time.Minute)
			return w.Admin.SignInPasskey(ctx, from, party, begun.Ticket, a.get(t, begun))
		}},
		{"a ticket of another ceremony", func(a *authenticator) (people.SignedIn, error) {
			one, _ := w.Admin.BeginPasskeySignIn(ctx, from, party)
			two, _ := w.Admin.BeginPasskeySignIn(ctx, from, party)
			return w.Admin.SignInPasskey(ctx, from, party, one.Ticket, a.get(t, two))
		}},
		{"a ticket for confirming", func(a *authenticator) (people.SignedIn, error) {
			c, err := w.Admin.BeginPasskeyConfirm(ctx, in.Caller, party)
			if err != nil {
				t.Fatal(err)
			}
			return w.Admin.SignInPasskey(ctx, from, party, c.Ticket, a.get(t, c))
		}},
		{"confirming in another's name", func(*authenticator) (people.SignedIn, error) {
			c, err := w.Admin.BeginPasskeyConfirm(ctx, in.Caller, party)
			if err != nil {
				t.Fatal(err)
			}
			return w.Admin.ConfirmPasskey(ctx, in.Caller, from, party, c.Ticket, other.get(t, c))
		}},
		{"a ticket of another session", func(a *authenticator) (people.SignedIn, error) {
			c, err := w.Admin.BeginPasskeyConfirm(ctx, w.SignIn(t).Caller, party)
			if err != nil {
				t.Fatal(err)
			}
			return w.Admin.ConfirmPasskey(ctx, in.Caller, from, party, c.Ticket, a.get(t, c))
		}},
		{"a disabled account", func(*authenticator) (people.SignedIn, error) {
			if err := w.Admin.SetDisabled(ctx, w.SignIn(t).Caller, "ben", true); err != nil {
				t.Fatal(err)
			}
			return signIn(t, w, other)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := *good
			if _, err := tt.do(&a); !errors.Is(err, people.ErrPasskey) {
				t.Errorf("taken: %v", err)
			}
			good.counter = max(good.counter, a.counter)
		})
	}
	good.counter = 100
	if _, err := signIn(t, w, good); err != nil {
		t.Errorf("the right one is refused: %v", err)
	}
}

func signIn(t *testing.T, w *admintest.World, a *authenticator) (people.SignedIn, error) {
	t.Helper()
	w.Wait(time.Minute) // the door is slow for those who knock often
	begun, err := w.Admin.BeginPasskeySignIn(t.Context(), from, party)
	if err != nil {
		t.Fatal(err)
	}
	return w.Admin.SignInPasskey(t.Context(), from, party, begun.Ticket, a.get(t, begun))
}

// TestWrongAnswersOfPasskeysAreCounted: whoever is not signed in fills the audit log neither with one ticket nor with many, and
// keeps no known browser out.
func TestWrongAnswersOfPasskeysAreCounted(t *testing.T) {
	w := admintest.New(t)
	in, ctx := w.SignIn(t), t.Context()
	good := add(t, w, in.Caller, "laptop")
	bad := *good
	bad.key = newAuthenticator(t).key
	entries := func() (n int) {
		t.Helper()
		if err := w.Admin.EachAudit(ctx, in.Caller, people.AuditQuery{Action: "session.refuse"}, func(page []people.AuditEntry) error { n += len(page); return nil }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	begin := func() people.Ceremony {
		t.Helper()
		c, err := w.Admin.BeginPasskeySignIn(ctx, from, party)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	one := begin()
	for range 5 {
		if _, err := w.Admin.SignInPasskey(ctx, from, party, one.Ticket, bad.get(t, one)); !errors.Is(err, people.ErrPasskey) {
			t.Fatal(err)
		}
	}
	if n := entries(); n != 1 {
		t.Errorf("one ticket left %d entries", n)
	}
	if _, err := w.Admin.SignInPasskey(ctx, from, party, one.Ticket, good.get(t, one)); !errors.Is(err, people.ErrPasskey) {
		t.Errorf("a ticket takes a second answer: %v", err)
	}
	var throttled *people.ThrottledError
	for range 100 {
		c := begin()
		if _, err := w.Admin.SignInPasskey(ctx, from, party, c.Ticket, bad.get(t, c)); err == nil {
			t.Fatal("taken")
		} else if errors.As(err, &throttled) {
			continue
		}
	}
	if n := entries(); throttled == nil || n > 20 {
		t.Errorf("many tickets left %d entries", n)
	}
	good.counter = bad.counter
	c := begin()
	known := from
	known.Device = in.Device
	if _, err := w.Admin.SignInPasskey(ctx, known, party, c.Ticket, good.get(t, c)); err != nil {
		t.Errorf("a known browser on the same network: %v", err)
	}
	// Passwords have a bucket of their own.
	if _, err := w.Admin.SignIn(ctx, from, admintest.Name, admintest.Password); err != nil {
		t.Errorf("a password from the same network: %v", err)
	}
	w.Wait(time.Minute)
	c = begin()
	if _, err := w.Admin.SignInPasskey(ctx, from, party, c.Ticket, good.get(t, c)); err != nil {
		t.Errorf("a minute later: %v", err)
	}
}

func TestPasskeysNeedAName(t *testing.T) {
	w := admintest.New(t)
	c := w.SignIn(t).Caller
	for _, p := range []people.Party{{}, {ID: "merlon.example"}, {ID: "not a name", Origin: "https://not a name"}} {
		var input *people.InputError
		if _, err := w.Admin.BeginPasskey(t.Context(), c, p); !errors.As(err, &input) {
			t.Errorf("%+v: %v", p, err)
		}
	}
}

// FuzzAnswers throws answers and tickets at the door that is open to everybody.
func FuzzAnswers(f *testing.F) {
	w := admintest.New(f)
	in := w.SignIn(f)
	f.Add("", []byte(`{}`))
	f.Add("AAAA", []byte(`{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"AA","signature":"AA","userHandle":"AA"}}`))
	begun, err := w.Admin.BeginPasskeySignIn(f.Context(), people.Visitor{}, party)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(begun.Ticket, []byte(`{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YUA"}}`))
	f.Fuzz(func(t *testing.T, ticket string, answer []byte) {
		w.Wait(20 * time.Second) // so that both answers are heard
		if w.Admin.Fresh(in.Caller).Before(w.Now()) {
			in = w.SignIn(t)
		}
		adding, err := w.Admin.BeginPasskey(t.Context(), in.Caller, party)
		if err != nil {
			t.Fatal(err)
		}
		begun, err := w.Admin.BeginPasskeySignIn(t.Context(), people.Visitor{}, party) // a ticket takes one answer
		if err != nil {
			t.Fatal(err)
		}
		for _, ticket := range []string{ticket, begun.Ticket} {
			if _, err := w.Admin.SignInPasskey(t.Context(), people.Visitor{}, party, ticket, answer); err == nil {
				t.Error("somebody came in")
			}
		}
		if _, err := w.Admin.AddPasskey(t.Context(), in.Caller, party, adding.Ticket, "x", answer); err == nil {
			t.Error("a key was added that does not know the challenge")
		}
	})
}

// FuzzSecrets throws cookies and tokens at the doors that read them.
func FuzzSecrets(f *testing.F) {
	w := admintest.New(f)
	in := w.SignIn(f)
	for _, s := range []string{"", "mrl_", "mrl_\x00", in.Secret + "x", in.Device, in.Secret[1:]} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if s == in.Secret {
			return
		}
		if _, err := w.Admin.Session(t.Context(), s, "192.0.2.1"); !errors.Is(err, people.ErrSignIn) {
			t.Errorf("cookie %q: %v", s, err)
		}
		if _, err := w.Admin.Bearer(t.Context(), s, "192.0.2.1"); !errors.Is(err, people.ErrSignIn) {
			t.Errorf("token %q: %v", s, err)
		}
		if _, err := w.Admin.SignInCode(t.Context(), people.Visitor{}, s, s); !errors.Is(err, people.ErrSignIn) {
			t.Errorf("ticket %q: %v", s, err)
		}
	})
}
