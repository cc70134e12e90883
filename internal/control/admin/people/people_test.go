package people_test

import (
	"encoding/base32"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"merlon/internal/control/admin"
	"merlon/internal/control/admin/admintest"
	"merlon/internal/control/admin/people"
	"merlon/internal/control/admin/people/totp"
	"merlon/internal/model/account"
	"merlon/internal/store"
	"merlon/internal/store/sqlite"
)

var from = people.Visitor{Address: "192.0.2.1", Browser: "test"}

const password = "staple battery horse"

// join invites somebody and lets them make their account.
func join(t *testing.T, w *admintest.World, by people.Caller, name string, role account.Role) people.SignedIn {
	t.Helper()
	_, token, err := w.Admin.Invite(t.Context(), by, name, role)
	if err != nil {
		t.Fatal(err)
	}
	in, err := w.Admin.Accept(t.Context(), from, token, password)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// enrol turns one-time codes on and answers the secret and the recovery codes.
func enrol(t *testing.T, w *admintest.World, c people.Caller) (secret []byte, recovery []string) {
	t.Helper()
	e, err := w.Admin.EnrolCodes(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	secret = unbase32(t, strings.ReplaceAll(e.Secret, " ", ""))
	if _, err := w.Admin.ConfirmCodes(t.Context(), c, from, e.Sealed, "000000"); err == nil {
		t.Error("a wrong first code was taken")
	}
	recovery, err = w.Admin.ConfirmCodes(t.Context(), c, from, e.Sealed, totp.Code(secret, totp.Step(w.Now())))
	if err != nil || len(recovery) != 10 {
		t.Fatal(recovery, err)
	}
	return secret, recovery
}

func TestInvitation(t *testing.T) {
	w := admintest.New(t)
	boss, ctx := w.SignIn(t).Caller, t.Context()
	i, token, err := w.Admin.Invite(ctx, boss, "ben", account.Security)
	if err != nil || i.Role != account.Security || i.Expires.Sub(w.Now()) != people.InviteAge {
		t.Fatal(i, err)
	}
	if _, _, err := w.Admin.Invite(ctx, boss, admintest.Name, account.Viewer); !errors.Is(err, people.ErrExists) {
		t.Errorf("a name that is taken: %v", err)
	}
	if _, err := w.Admin.Accept(ctx, from, token, "short"); err == nil {
		t.Error("a short password was taken")
	}
	var wg sync.WaitGroup
	in := make(chan people.SignedIn, 4)
	for range 4 {
		wg.Go(func() {
			s, err := w.Admin.Accept(ctx, from, token, password)
			if err == nil {
				in <- s
			} else if !errors.Is(err, people.ErrLink) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(in) != 1 {
		t.Fatalf("%d came in by one link", len(in))
	}
	if c := (<-in).Caller; c.Name != "ben" || c.Role != account.Security {
		t.Errorf("%+v", c)
	}

	_, old, err := w.Admin.Invite(ctx, boss, "cleo", account.Viewer)
	if err != nil {
		t.Fatal(err)
	}
	w.Wait(people.InviteAge)
	if _, err := w.Admin.Accept(ctx, from, old, password); !errors.Is(err, people.ErrLink) {
		t.Errorf("an old link: %v", err)
	}
	boss = w.SignIn(t).Caller
	i, taken, err := w.Admin.Invite(ctx, boss, "cleo", account.Viewer)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Admin.RevokeInvite(ctx, boss, i.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Admin.Accept(ctx, from, taken, password); !errors.Is(err, people.ErrLink) {
		t.Errorf("a link that was taken back: %v", err)
	}
}

func TestResetLinkKeepsTheSecondFactor(t *testing.T) {
	w := admintest.New(t)
	boss, ctx := w.SignIn(t).Caller, t.Context()
	ben := join(t, w, boss, "ben", account.Developer)
	enrol(t, w, ben.Caller)
	_, token, err := w.Admin.InviteReset(ctx, boss, "BEN")
	if err != nil {
		t.Fatal(err)
	}
	in, err := w.Admin.Accept(ctx, from, token, "another good password")
	if err != nil || in.Secret != "" {
		t.Fatalf("a reset link signs in past the second factor: %v %v", in.Secret, err)
	}
	if _, err := w.Admin.Session(ctx, ben.Secret, "192.0.2.1"); !errors.Is(err, people.ErrSignIn) {
		t.Errorf("a session outlives the password: %v", err)
	}
	if _, err := w.Admin.SignIn(ctx, from, "ben", password); !errors.Is(err, people.ErrCredentials) {
		t.Errorf("the old password: %v", err)
	}
	var second *people.SecondStep
	if _, err := w.Admin.SignIn(ctx, from, "ben", "another good password"); !errors.As(err, &second) {
		t.Errorf("no code is asked for: %v", err)
	}
}

func TestCodes(t *testing.T) {
	w := admintest.New(t)
	in, ctx := w.SignIn(t), t.Context()
	secret, recovery := enrol(t, w, in.Caller)
	now := func() string { return totp.Code(secret, totp.Step(w.Now())) }
	begin := func() string {
		t.Helper()
		var second *people.SecondStep
		if _, err := w.Admin.SignIn(ctx, from, admintest.Name, admintest.Password); !errors.As(err, &second) {
			t.Fatalf("no code is asked for: %v", err)
		}
		return second.Ticket
	}
	// The code that turned codes on was used.
	if _, err := w.Admin.SignInCode(ctx, from, begin(), now()); !errors.Is(err, people.ErrCode) {
		t.Errorf("a used code: %v", err)
	}
	w.Wait(totp.Period)
	ticket := begin()
	code := now()
	var wg sync.WaitGroup
	got := make(chan error, 6)
	for range 6 {
		wg.Go(func() {
			_, err := w.Admin.SignInCode(ctx, from, ticket, code[:3]+" "+code[3:])
			got <- err
		})
	}
	wg.Wait()
	close(got)
	won := 0
	for err := range got {
		if err == nil {
			won++
		} else if !errors.Is(err, people.ErrCode) {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("one code let in %d times", won)
	}
	w.Wait(time.Hour)
	for _, bad := range []string{"", "x", strings.Repeat("A", 1<<16), ticket[:len(ticket)-2]} {
		if _, err := w.Admin.SignInCode(ctx, from, bad, now()); !errors.Is(err, people.ErrSignIn) {
			t.Errorf("ticket %.8q: %v", bad, err)
		}
	}
	if _, err := w.Admin.SignInCode(ctx, from, ticket, now()); !errors.Is(err, people.ErrSignIn) {
		t.Errorf("an old ticket: %v", err)
	}
	if s, err := w.Admin.SignInCode(ctx, from, begin(), strings.ToUpper(recovery[3])); err != nil || s.Caller.Name != admintest.Name {
		t.Errorf("a recovery code: %v", err)
	}
	if _, err := w.Admin.SignInCode(ctx, from, begin(), recovery[3]); !errors.Is(err, people.ErrCode) {
		t.Errorf("a used recovery code: %v", err)
	}
	me, err := w.Admin.Me(ctx, in.Caller)
	if err != nil || !me.Codes || me.Recovery != 9 {
		t.Errorf("%+v %v", me, err)
	}
	// What is stored opens only with the key.
	stored, err := w.Store.Account(ctx, admintest.Name)
	if err != nil || len(stored.TOTP) == 0 || strings.Contains(string(stored.TOTP), string(secret)) {
		t.Errorf("the secret is stored as it is: %v", err)
	}
}

func TestCodesAreThrottled(t *testing.T) {
	w := admintest.New(t)
	in, ctx := w.SignIn(t), t.Context()
	secret, _ := enrol(t, w, in.Caller)
	w.Wait(totp.Period)
	var second *people.SecondStep
	if _, err := w.Admin.SignIn(ctx, from, admintest.Name, admintest.Password); !errors.As(err, &second) {
		t.Fatal(err)
	}
	wrong := "000000"
	if wrong == totp.Code(secret, totp.Step(w.Now())) {
		wrong = "000001"
	}
	tried := 0
	var throttled *people.ThrottledError
	for range 20 {
		_, err := w.Admin.SignInCode(ctx, from, second.Ticket, wrong)
		if errors.As(err, &throttled) {
			break
		}
		tried++
	}
	if tried != 8 || throttled == nil || throttled.Wait > 5*time.Minute {
		t.Errorf("%d codes were tried, then wait %v", tried, throttled)
	}
}

func TestConfirming(t *testing.T) {
	w := admintest.New(t)
	in, ctx := w.SignIn(t), t.Context()
	c := in.Caller
	if err := errors.Join(w.Admin.SetRole(ctx, c, admintest.Name, account.Admin)); err != nil {
		t.Fatal(err)
	}
	in = w.SignIn(t) // a role change signs out
	w.Wait(people.ProofAge + time.Second)
	grave := map[string]func(people.Caller) error{
		"invite": func(c people.Caller) error { _, _, err := w.Admin.Invite(ctx, c, "ben", account.Viewer); return err },
		"token": func(c people.Caller) error {
			_, _, err := w.Admin.CreateToken(ctx, c, people.TokenRequest{Name: "ci", Role: account.Viewer})
			return err
		},
		"codes":    func(c people.Caller) error { _, err := w.Admin.EnrolCodes(ctx, c); return err },
		"no codes": func(c people.Caller) error { return w.Admin.RemoveCodes(ctx, c) },
		"role":     func(c people.Caller) error { return w.Admin.SetRole(ctx, c, admintest.Name, account.Admin) },
	}
	c, err := w.Admin.Session(ctx, in.Secret, "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	for name, do := range grave {
		if err := do(c); !errors.Is(err, people.ErrStale) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.Admin.Confirm(ctx, c, from, "wrong", ""); !errors.Is(err, people.ErrPassword) {
		t.Errorf("a wrong password: %v", err)
	}
	visitor := from
	visitor.Session = in.Secret
	again, err := w.Admin.Confirm(ctx, c, visitor, admintest.Password, "")
	if err != nil || again.Secret == in.Secret {
		t.Fatal(err)
	}
	if _, err := w.Admin.Session(ctx, in.Secret, "192.0.2.1"); !errors.Is(err, people.ErrSignIn) {
		t.Errorf("the cookie from before confirming still works: %v", err)
	}
	for name, do := range grave {
		if name == "role" {
			continue // it ends the session
		}
		if err := do(again.Caller); err != nil {
			t.Errorf("%s after confirming: %v", name, err)
		}
	}
}

// TestChangingThePasswordAsksForTheCode: the session that comes of it counts as having just shown who it is, so a stolen session
// and the password are not enough for it where codes are asked for.
func TestChangingThePasswordAsksForTheCode(t *testing.T) {
	w := admintest.New(t)
	in, ctx := w.SignIn(t), t.Context()
	secret, recovery := enrol(t, w, in.Caller)
	w.Wait(people.ProofAge + time.Second)
	c, err := w.Admin.Session(ctx, in.Secret, "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	const next = "another good password"
	used := totp.Code(secret, totp.Step(w.Now().Add(-people.ProofAge-time.Second)))
	for name, code := range map[string]string{"none": "", "used": used, "made up": "abcd abcd abcd abcd"} {
		if _, err := w.Admin.ChangePassword(ctx, c, from, admintest.Password, code, next); !errors.Is(err, people.ErrCode) {
			t.Errorf("a code, %s: %v", name, err)
		}
	}
	if err := w.Admin.RemoveCodes(ctx, c); !errors.Is(err, people.ErrStale) {
		t.Fatalf("the session counts as fresh: %v", err)
	}
	code := totp.Code(secret, totp.Step(w.Now()))
	if _, err := w.Admin.ChangePassword(ctx, c, from, "not the password", code, next); !errors.Is(err, people.ErrPassword) {
		t.Errorf("a wrong password: %v", err)
	}
	again, err := w.Admin.ChangePassword(ctx, c, from, admintest.Password, code, next)
	if err != nil || w.Admin.Fresh(again.Caller).IsZero() {
		t.Fatalf("with the code: %v", err)
	}
	if _, err := w.Admin.Session(ctx, in.Secret, "192.0.2.1"); !errors.Is(err, people.ErrSignIn) {
		t.Errorf("the old session goes on: %v", err)
	}
	if _, err := w.Admin.ChangePassword(ctx, again.Caller, from, next, code, admintest.Password); !errors.Is(err, people.ErrCode) {
		t.Errorf("the code works twice: %v", err)
	}
	if _, err := w.Admin.ChangePassword(ctx, again.Caller, from, next, recovery[0], admintest.Password); err != nil {
		t.Errorf("by a recovery code: %v", err)
	}
}

func TestTheLastAdministratorStays(t *testing.T) {
	w := admintest.New(t)
	boss, ctx := w.SignIn(t).Caller, t.Context()
	for name, do := range map[string]func() error{
		"demote":  func() error { return w.Admin.SetRole(ctx, boss, admintest.Name, account.Viewer) },
		"disable": func() error { return w.Admin.SetDisabled(ctx, boss, admintest.Name, true) },
		"remove":  func() error { return w.Admin.RemoveAccount(ctx, boss, admintest.Name) },
	} {
		if err := do(); !errors.Is(err, people.ErrLastAdmin) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ben := join(t, w, boss, "ben", account.Admin).Caller
	// Two who remove each other at once: one stays.
	var wg sync.WaitGroup
	errs := make([]error, 2)
	wg.Go(func() { errs[0] = w.Admin.RemoveAccount(ctx, boss, "ben") })
	wg.Go(func() { errs[1] = w.Admin.RemoveAccount(ctx, ben, admintest.Name) })
	wg.Wait()
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Errorf("%v", errs)
	}
}

func TestEditsOfOthers(t *testing.T) {
	w := admintest.New(t)
	boss, ctx := w.SignIn(t).Caller, t.Context()
	ben := join(t, w, boss, "ben", account.Security)
	in := func() error { _, err := w.Admin.Session(ctx, ben.Secret, "192.0.2.1"); return err }
	if err := w.Admin.SetDisabled(ctx, boss, "Ben", true); err != nil || !errors.Is(in(), people.ErrSignIn) {
		t.Errorf("disabled and still in: %v", err)
	}
	if _, err := w.Admin.SignIn(ctx, from, "ben", password); !errors.Is(err, people.ErrCredentials) {
		t.Errorf("a disabled account is told of: %v", err)
	}
	if err := w.Admin.SetDisabled(ctx, boss, "ben", false); err != nil {
		t.Fatal(err)
	}
	ben, err := w.Admin.SignIn(ctx, from, "ben", password)
	if err != nil {
		t.Fatal(err)
	}
	enrol(t, w, ben.Caller)
	if err := w.Admin.ResetFactors(ctx, boss, "ben"); err != nil || !errors.Is(in(), people.ErrSignIn) {
		t.Errorf("%v", err)
	}
	if ben, err = w.Admin.SignIn(ctx, from, "ben", password); err != nil {
		t.Fatalf("after a reset: %v", err)
	}
	all, err := w.Admin.AllSessions(ctx, boss)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(s account.Session) bool { return s.Account == "ben" })
	if i < 0 || !strings.Contains(all[i].Browser, "test") || all[i].Method != "password" {
		t.Fatalf("%+v", all)
	}
	other := join(t, w, boss, "cleo", account.Security).Caller
	if err := w.Admin.RevokeSession(ctx, other, all[i].ID); !errors.Is(err, people.ErrNotFound) {
		t.Errorf("somebody else ended it: %v", err)
	}
	if err := w.Admin.RevokeSession(ctx, boss, all[i].ID); err != nil || !errors.Is(in(), people.ErrSignIn) {
		t.Errorf("%v", err)
	}
	if _, err := w.Admin.Accounts(ctx, join(t, w, boss, "dan", account.Viewer).Caller); !errors.Is(err, people.ErrForbidden) {
		t.Errorf("a viewer sees people: %v", err)
	}
}

func TestSessionsEndByIdleness(t *testing.T) {
	w := admintest.New(t)
	in, ctx := w.SignIn(t), t.Context()
	for range 5 {
		w.Wait(people.SessionIdle - time.Minute)
		if _, err := w.Admin.Session(ctx, in.Secret, "192.0.2.1"); err != nil {
			t.Fatalf("in use, and ended: %v", err)
		}
	}
	w.Wait(people.SessionIdle + time.Minute)
	if _, err := w.Admin.Session(ctx, in.Secret, "192.0.2.1"); !errors.Is(err, people.ErrSignIn) {
		t.Errorf("idle: %v", err)
	}
	in = w.SignIn(t)
	for range 7 {
		w.Wait(people.SessionIdle - 10*time.Minute)
		_, _ = w.Admin.Session(ctx, in.Secret, "192.0.2.1")
	}
	if _, err := w.Admin.Session(ctx, in.Secret, "192.0.2.1"); !errors.Is(err, people.ErrSignIn) {
		t.Errorf("used without end: %v", err)
	}
}

// TestStrangersLockNobodyOut: while somebody guesses, from the same network even, the owner's known browser is let in.
func TestStrangersLockNobodyOut(t *testing.T) {
	w := admintest.New(t)
	in, ctx := w.SignIn(t), t.Context()
	var throttled *people.ThrottledError
	refused := 0
	for i := range 200 {
		guess := people.Visitor{Address: "198.51.100." + string(rune('0'+i%8)), Device: "made up"}
		if _, err := w.Admin.SignIn(ctx, guess, admintest.Name, "guess number one"); errors.As(err, &throttled) {
			refused++
		}
	}
	if refused != 190 {
		t.Errorf("%d of 200 guesses refused", refused)
	}
	known := people.Visitor{Address: "198.51.100.1", Device: in.Device}
	if _, err := w.Admin.SignIn(ctx, known, admintest.Name, admintest.Password); err != nil {
		t.Errorf("a known browser is kept out: %v", err)
	}
	// The cookie of one account opens no other's door.
	boss := w.SignInFrom(t, known)
	join(t, w, boss.Caller, "ben", account.Viewer)
	for range 20 {
		_, _ = w.Admin.SignIn(ctx, people.Visitor{Address: "203.0.113.1", Device: in.Device}, "ben", "guess number two")
	}
	if _, err := w.Admin.SignIn(ctx, people.Visitor{Address: "203.0.113.2", Device: in.Device}, "ben", password); !errors.As(err, &throttled) {
		t.Errorf("another's cookie counts: %v", err)
	}
	// A known browser is bounded, too.
	for range 10 {
		_, _ = w.Admin.SignIn(ctx, known, admintest.Name, "guess number three")
	}
	if _, err := w.Admin.SignIn(ctx, known, admintest.Name, admintest.Password); !errors.As(err, &throttled) {
		t.Errorf("a known browser guesses without end: %v", err)
	}
	w.Wait(time.Minute)
	if _, err := w.Admin.SignIn(ctx, known, admintest.Name, admintest.Password); err != nil {
		t.Errorf("a minute later: %v", err)
	}
}

// TestStrangersKeepNoLinkOut: behind a proxy everybody comes from one address. Who tries links keeps neither those who hold one
// out, nor those who sign in.
func TestStrangersKeepNoLinkOut(t *testing.T) {
	w := admintest.New(t)
	ctx := t.Context()
	setup, _, err := w.Admin.NewSetup(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var throttled *people.ThrottledError
	try := func() {
		t.Helper()
		throttled = nil
		for range 40 {
			if _, err := w.Admin.CheckInvite(ctx, from, "x"); !errors.Is(err, people.ErrLink) && !errors.As(err, &throttled) {
				t.Fatal(err)
			}
			if err := w.Admin.CheckSetup(ctx, from, "x"); !errors.Is(err, people.ErrSetup) && !errors.As(err, &throttled) {
				t.Fatal(err)
			}
			if _, err := w.Admin.SetUp(ctx, from, "x", "eve", password); !errors.Is(err, people.ErrSetup) && !errors.As(err, &throttled) {
				t.Fatal(err)
			}
			if _, err := w.Admin.BeginPasskeySignIn(ctx, from, party); err != nil {
				t.Fatal(err)
			}
		}
		if throttled == nil {
			t.Error("links are tried without end")
		}
	}
	try()
	if err := w.Admin.CheckSetup(ctx, from, setup); err != nil {
		t.Errorf("the set-up link: %v", err)
	}
	boss, err := w.Admin.SetUp(ctx, from, setup, admintest.Name, admintest.Password)
	if err != nil {
		t.Fatalf("the set-up link: %v", err)
	}
	try()
	join(t, w, boss.Caller, "ben", account.Viewer)
	if _, err := w.Admin.SignIn(ctx, from, "ben", password); err != nil {
		t.Errorf("a new browser: %v", err)
	}
}

// TestEditsLeaveWhatChangedMeanwhile: a change of role, or disabling, that was asked for while another change was under way
// takes nothing of that back.
func TestEditsLeaveWhatChangedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := admintest.New(t)
		boss, ctx := w.SignIn(t).Caller, t.Context()
		join(t, w, boss, "ben", account.Viewer)
		during := func(first func(*sqlite.Change) error, then func() error) {
			t.Helper()
			began, goOn := make(chan struct{}), make(chan struct{})
			errs := make(chan error, 2)
			go func() {
				errs <- w.Store.Change(ctx, store.AuditEntry{Actor: "test", Action: "account.password"}, func(ch *sqlite.Change) error {
					close(began)
					<-goOn
					return first(ch)
				})
			}()
			<-began
			go func() { errs <- then() }()
			synctest.Wait() // it has looked at the account and waits for its turn
			close(goOn)
			for range 2 {
				if err := <-errs; err != nil {
					t.Fatal(err)
				}
			}
		}
		during(func(ch *sqlite.Change) error { return ch.SetHash("ben", "the new one") }, func() error { return w.Admin.SetRole(ctx, boss, "ben", account.Security) })
		during(func(ch *sqlite.Change) error {
			s, err := ch.Account("ben")
			s.Disabled = true
			return errors.Join(err, ch.SetAccount(s))
		}, func() error { return w.Admin.SetRole(ctx, boss, "ben", account.Developer) })
		s, err := w.Store.Account(ctx, "ben")
		if err != nil || s.Hash != "the new one" || !s.Disabled || s.Roles[0] != string(account.Developer) {
			t.Errorf("%+v %v", s, err)
		}
	})
}

// TestSessionsOfAnAccountAreBounded: nobody hides a session behind a thousand others, and the one not used for longest goes.
func TestSessionsOfAnAccountAreBounded(t *testing.T) {
	w := admintest.New(t)
	boss, ctx := w.SignIn(t).Caller, t.Context()
	first := join(t, w, boss, "ben", account.Viewer)
	var last people.SignedIn
	for range sqlite.MaxLogins {
		w.Wait(time.Second)
		in, err := w.Admin.SignIn(ctx, from, "ben", password)
		if err != nil {
			t.Fatal(err)
		}
		last = in
	}
	if _, err := w.Admin.Session(ctx, first.Secret, "192.0.2.1"); !errors.Is(err, people.ErrSignIn) {
		t.Errorf("the first session: %v", err)
	}
	list, err := w.Admin.Sessions(ctx, last.Caller)
	if err != nil || len(list) != sqlite.MaxLogins {
		t.Fatalf("%d sessions, %v", len(list), err)
	}
	if err := w.Admin.RevokeSession(ctx, boss, list[len(list)-1].ID); err != nil {
		t.Errorf("the oldest is not revoked: %v", err)
	}
	if err := w.Admin.RevokeSession(ctx, boss, list[len(list)-1].ID); !errors.Is(err, people.ErrNotFound) {
		t.Errorf("twice: %v", err)
	}
	for _, id := range []string{"", "00", "zz", list[0].ID + "00"} {
		if err := w.Admin.RevokeSession(ctx, boss, id); !errors.Is(err, people.ErrNotFound) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// TestLinksGoWithWhoMadeThem: an administrator who is one no more leaves no way in behind.
func TestLinksGoWithWhoMadeThem(t *testing.T) {
	for name, do := range map[string]func(w *admintest.World, boss people.Caller) error{
		"removed": func(w *admintest.World, boss people.Caller) error {
			return w.Admin.RemoveAccount(t.Context(), boss, "ben")
		},
		"disabled": func(w *admintest.World, boss people.Caller) error {
			return w.Admin.SetDisabled(t.Context(), boss, "ben", true)
		},
		"demoted": func(w *admintest.World, boss people.Caller) error {
			return w.Admin.SetRole(t.Context(), boss, "ben", account.Security)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := admintest.New(t)
			boss, ctx := w.SignIn(t).Caller, t.Context()
			ben := join(t, w, boss, "ben", account.Admin)
			_, his, err := w.Admin.Invite(ctx, ben.Caller, "eve", account.Admin)
			if err != nil {
				t.Fatal(err)
			}
			_, other, err := w.Admin.Invite(ctx, boss, "cleo", account.Viewer)
			if err != nil {
				t.Fatal(err)
			}
			if err := do(w, boss); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Admin.Accept(ctx, from, his, password); !errors.Is(err, people.ErrLink) {
				t.Errorf("the link works: %v", err)
			}
			if _, err := w.Admin.Accept(ctx, from, other, password); err != nil {
				t.Errorf("another's link: %v", err)
			}
		})
	}
}

// TestTurningCodesOffEndsOtherSessions, as turning them on does.
func TestTurningCodesOffEndsOtherSessions(t *testing.T) {
	w := admintest.New(t)
	in, ctx := w.SignIn(t), t.Context()
	secret, _ := enrol(t, w, in.Caller)
	w.Wait(totp.Period)
	var second *people.SecondStep
	if _, err := w.Admin.SignIn(ctx, from, admintest.Name, admintest.Password); !errors.As(err, &second) {
		t.Fatal(err)
	}
	other, err := w.Admin.SignInCode(ctx, from, second.Ticket, totp.Code(secret, totp.Step(w.Now())))
	if err != nil {
		t.Fatal(err)
	}
	var late *people.SecondStep // its password was right while codes were asked for
	if _, err := w.Admin.SignIn(ctx, from, admintest.Name, admintest.Password); !errors.As(err, &late) {
		t.Fatal(err)
	}
	if err := w.Admin.RemoveCodes(ctx, in.Caller); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Admin.Session(ctx, other.Secret, "192.0.2.1"); !errors.Is(err, people.ErrSignIn) {
		t.Errorf("another session: %v", err)
	}
	if _, err := w.Admin.Session(ctx, in.Secret, "192.0.2.1"); err != nil {
		t.Errorf("this session: %v", err)
	}
	if _, err := w.Admin.SignInCode(ctx, from, late.Ticket, "123456"); !errors.Is(err, people.ErrSignIn) {
		t.Errorf("a code that is asked for no more: %v", err)
	}
}

func TestLocalCallersStay(t *testing.T) {
	w := admintest.New(t)
	if err := w.Admin.Still(t.Context(), people.Local("command line", w.Now(), account.Developer)); err != nil {
		t.Error(err)
	}
	if err := w.Admin.Still(t.Context(), people.Caller{Name: "ana", Role: account.Admin}); !errors.Is(err, people.ErrSignIn) {
		t.Errorf("somebody without a session: %v", err)
	}
}

func TestHashesAreMadeAnewWhenTheirCostChanges(t *testing.T) {
	w := admintest.New(t)
	ctx := t.Context()
	w.SignIn(t)
	before, err := w.Store.Account(ctx, admintest.Name)
	if err != nil {
		t.Fatal(err)
	}
	w.SignIn(t)
	if same, _ := w.Store.Account(ctx, admintest.Name); same.Hash != before.Hash {
		t.Error("made anew without need")
	}
	w.SetHashing(admin.Hashing{Memory: 128, Passes: 2, Threads: 1})
	w.Admin = w.Reopen(t)
	in := w.SignIn(t)
	after, err := w.Store.Account(ctx, admintest.Name)
	if err != nil || !strings.HasPrefix(after.Hash, "$argon2id$v=19$m=128,t=2,p=1$") {
		t.Errorf("%s %v", after.Hash, err)
	}
	if _, err := w.Admin.Session(ctx, in.Secret, "192.0.2.1"); err != nil {
		t.Errorf("the session ended with it: %v", err)
	}
}

func TestTokens(t *testing.T) {
	w := admintest.New(t)
	boss, ctx := w.SignIn(t).Caller, t.Context()
	for name, q := range map[string]people.TokenRequest{
		"name":    {Name: "a b", Role: account.Viewer},
		"role":    {Name: "ci", Role: "root"},
		"scope":   {Name: "ci", Role: account.Viewer, Scopes: []account.Permission{account.EditPeople}},
		"unknown": {Name: "ci", Role: account.Admin, Scopes: []account.Permission{"all"}},
		"site":    {Name: "ci", Role: account.Admin, Sites: []string{""}},
		"age":     {Name: "ci", Role: account.Viewer, Age: people.MaxTokenAge + time.Hour},
	} {
		var input *people.InputError
		if _, _, err := w.Admin.CreateToken(ctx, boss, q); !errors.As(err, &input) {
			t.Errorf("%s: %v", name, err)
		}
	}
	bearer := func(q people.TokenRequest) people.Caller {
		t.Helper()
		k, secret, err := w.Admin.CreateToken(ctx, boss, q)
		if err != nil || q.Age == 0 && k.Expires.Sub(w.Now()) != people.TokenAge {
			t.Fatal(k, err)
		}
		c, err := w.Admin.Bearer(ctx, secret, "192.0.2.1")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := bearer(people.TokenRequest{Name: "ci", Role: account.Security, Scopes: []account.Permission{account.SeeEvents}, Sites: []string{"acme", "acme"}})
	for _, tt := range []struct {
		name string
		err  error
		want error
	}{
		{"within its scope", c.Admit(account.SeeEvents), nil},
		{"of its role, beyond its scope", c.Admit(account.SeeInventory), people.ErrForbidden},
		{"a site of its own", c.NeedAt(account.SeeEvents, "acme"), nil},
		{"another site", c.NeedAt(account.SeeEvents, "globex"), people.ErrSite},
		{"all sites", c.NeedAt(account.SeeEvents, ""), people.ErrSite},
		{"what is about no site", c.Need(account.SeeEvents), people.ErrSite},
		{"one's own account", c.Admit(account.Self), people.ErrForbidden},
		{"that it is signed in", c.Need(account.SignedIn), nil},
	} {
		if !errors.Is(tt.err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, tt.err, tt.want)
		}
	}
	maker := bearer(people.TokenRequest{Name: "maker", Role: account.Admin, Scopes: []account.Permission{account.EditTokens, account.SeeInventory}, Age: 24 * time.Hour})
	if _, _, err := w.Admin.CreateToken(ctx, maker, people.TokenRequest{Name: "more", Role: account.Developer}); !errors.Is(err, people.ErrForbidden) {
		t.Errorf("a token makes one that may more: %v", err)
	}
	k, _, err := w.Admin.CreateToken(ctx, maker, people.TokenRequest{Name: "less", Role: account.Viewer, Scopes: []account.Permission{account.SeeInventory}})
	if err != nil || k.Expires.After(w.Now().Add(24*time.Hour)) {
		t.Errorf("it outlives its maker: %v %v", k.Expires, err)
	}
	all := bearer(people.TokenRequest{Name: "root", Role: account.Admin})
	if _, _, err := w.Admin.Invite(ctx, all, "eve", account.Admin); !errors.Is(err, people.ErrForbidden) {
		t.Errorf("a token makes people: %v", err)
	}
}

func TestAuditFilters(t *testing.T) {
	w := admintest.New(t)
	boss, ctx := w.SignIn(t).Caller, t.Context()
	join(t, w, boss, "ben", account.Viewer)
	w.Wait(48 * time.Hour)
	w.SignIn(t)
	boss = w.SignIn(t).Caller
	count := func(q people.AuditQuery) (n int) {
		t.Helper()
		if err := w.Admin.EachAudit(ctx, boss, q, func(page []people.AuditEntry) error { n += len(page); return nil }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, tt := range []struct {
		name string
		q    people.AuditQuery
		want int
	}{
		{"all", people.AuditQuery{}, 8},
		{"of one", people.AuditQuery{Actor: "ben"}, 2},
		{"a noun", people.AuditQuery{Action: "session."}, 4},
		{"one action", people.AuditQuery{Action: "account.invite"}, 1},
		{"a prefix is no noun", people.AuditQuery{Action: "sess"}, 0},
		{"target", people.AuditQuery{Target: "be"}, 3},
		{"since", people.AuditQuery{Since: w.Now().Add(-time.Hour)}, 2},
		{"until", people.AuditQuery{Until: w.Now().Add(-time.Hour)}, 6},
		{"before", people.AuditQuery{Before: 3}, 2},
		{"hostile", people.AuditQuery{Target: "' OR 1=1 --", Action: "%."}, 0},
	} {
		if got := count(tt.q); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
	v, err := w.Admin.VerifyAudit(ctx, boss)
	if err != nil || v.Broken != 0 || v.Last != 8 || len(v.Hash) != 64 {
		t.Errorf("%+v %v", v, err)
	}
}

func unbase32(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
