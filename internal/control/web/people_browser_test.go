package web_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"merlon/internal/control/admin"
	"merlon/internal/control/admin/admintest"
	"merlon/internal/model/account"
)

// act takes steps in a browser.
func act(t *testing.T, ctx context.Context, what string, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func evaluate[T any](t *testing.T, ctx context.Context, script string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return v
}

// local is a server's address by the name that passkeys can be for.
func local(url string) string { return strings.Replace(url, "127.0.0.1", "localhost", 1) }

// TestBrowserPasskey adds a passkey, signs in with it and confirms with it, in a real browser with an authenticator of
// software, and is refused by one that nobody unlocked.
func TestBrowserPasskey(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 20)
	w.SignIn(t)
	s := serve(t, w)
	url := local(s.URL)
	ctx := browser(t, 1440, 900)
	if _, err := chromedp.Call(ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	made, err := chromedp.Call(ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: "ctap2", Transport: "internal", HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}})
	if err != nil {
		t.Fatal(err)
	}
	act(t, ctx, "sign in with a password", chromedp.Navigate(url+"/sign-in"), chromedp.WaitVisible(`[data-passkey] button`),
		chromedp.SendKeys(`input[name=name]`, admintest.Name), chromedp.SendKeys(`input[name=password]`, admintest.Password),
		chromedp.Click(`button.primary`), chromedp.WaitVisible(`.side .me`))
	act(t, ctx, "add a passkey", chromedp.Navigate(url+"/account"), chromedp.WaitVisible(`[data-create] button`),
		chromedp.SendKeys(`[data-create] input[name=name]`, "<b>desk</b>"), chromedp.Click(`[data-create] button`), chromedp.WaitVisible(`.keyring li`))
	if got := evaluate[string](t, ctx, `document.querySelector(".keyring strong").textContent`); got != "<b>desk</b>" {
		t.Errorf("its name is %q", got)
	}
	shoot(t, ctx, "people-passkey")
	act(t, ctx, "add the same again", chromedp.Click(`[data-create] button`), chromedp.WaitVisible(`[data-create] .fault:not(:empty)`))
	act(t, ctx, "sign out", chromedp.Click(`.side .me button`), chromedp.WaitVisible(`[data-passkey] button`))
	act(t, ctx, "sign in with it", chromedp.Click(`[data-passkey] button`), chromedp.WaitVisible(`.side .me`))
	w.Wait(11 * time.Minute)
	act(t, ctx, "ask for what is grave", chromedp.Navigate(url+"/account/codes"), chromedp.WaitVisible(`[data-passkey="/confirm/passkey"] button`))
	shoot(t, ctx, "people-confirm")
	act(t, ctx, "confirm with it", chromedp.Click(`[data-passkey="/confirm/passkey"] button`), chromedp.WaitVisible(`.qr`))

	act(t, ctx, "sign out again", chromedp.Click(`.side .me button`), chromedp.WaitVisible(`[data-passkey] button`))
	if _, err := chromedp.Call(ctx, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: made.AuthenticatorID, IsUserVerified: false}); err != nil {
		t.Fatal(err)
	}
	act(t, ctx, "nobody unlocks it", chromedp.Click(`[data-passkey] button`), chromedp.WaitVisible(`.fault:not(:empty)`))
}

// TestBrowserPeople opens every page of the room as people see it: full of what hostile browsers and people could put there.
func TestBrowserPeople(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 20)
	populate(t, w)
	s := serve(t, w)
	for _, look := range []struct {
		name          string
		width, height int
		dark          bool
	}{{"desk-light", 1440, 900, false}, {"desk-dark", 1440, 900, true}, {"phone-light", 390, 844, false}, {"phone-dark", 390, 844, true}} {
		t.Run(look.name, func(t *testing.T) {
			ctx := browser(t, look.width, look.height)
			wrong := complaints(t, ctx)
			scheme := "light"
			if look.dark {
				scheme = "dark"
			}
			if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
			}); err != nil {
				t.Fatal(err)
			}
			act(t, ctx, "open the door", chromedp.EmulateViewport(int64(look.width), int64(look.height)), chromedp.Navigate(local(s.URL)+"/sign-in"), chromedp.WaitVisible(`[data-passkey] button`))
			shoot(t, ctx, "people-"+look.name+"-sign-in")
			act(t, ctx, "sign in", chromedp.SendKeys(`input[name=name]`, admintest.Name), chromedp.SendKeys(`input[name=password]`, admintest.Password),
				chromedp.Click(`button.primary`), chromedp.WaitReady(`.app`))
			for _, page := range [][2]string{
				{"account", "/account"},
				{"codes", "/account/codes"},
				{"people", "/people"},
				{"sessions", "/people/sessions"},
				{"roles", "/people/roles"},
				{"tokens", "/tokens"},
				{"audit", "/audit?verify=1"},
				{"audit-none", "/audit?actor=nobody"},
				{"settings", "/settings"},
				{"confirm", "/confirm?next=/people"},
			} {
				act(t, ctx, page[0], chromedp.Navigate(local(s.URL)+page[1]), chromedp.WaitReady(`#main`))
				if over := evaluate[int](t, ctx, `document.documentElement.scrollWidth - window.innerWidth`); over > 0 {
					t.Errorf("%s runs %d pixels out of the window", page[0], over)
				}
				if n := evaluate[int](t, ctx, `document.querySelectorAll("img, b, iframe, [onerror], [style]").length`); n != 0 {
					t.Errorf("%s: text of somebody became %d elements", page[0], n)
				}
				shoot(t, ctx, "people-"+look.name+"-"+page[0])
			}
			act(t, ctx, "open a menu", chromedp.Navigate(local(s.URL)+"/people"), chromedp.Click(`td .menu summary`), chromedp.WaitVisible(`.pop.account`))
			if over := evaluate[float64](t, ctx, `(() => { const r = document.querySelector("td .menu[open] .pop").getBoundingClientRect(); return Math.max(r.right - innerWidth, -r.left); })()`); over > 0 {
				t.Errorf("the menu runs %v pixels out of the window", over)
			}
			shoot(t, ctx, "people-"+look.name+"-menu")
			if all := wrong(); len(all) > 0 {
				t.Errorf("the browser complains: %q", all)
			}
		})
	}
}

// populate makes people, sessions, tokens and entries to look at.
func populate(t *testing.T, w *admintest.World) {
	t.Helper()
	ctx := t.Context()
	w.SignInFrom(t, admin.Visitor{Address: "192.0.2.9", Browser: "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Safari/605.1.15"})
	w.Wait(26 * time.Hour)
	boss := w.SignInFrom(t, admin.Visitor{Address: "192.0.2.9", Browser: "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"}).Caller
	for name, role := range map[string]account.Role{"ben.carter@acme.example": account.Security, "cleo": account.Developer, "a-rather-long-name-of-somebody@a-long-name-of-a-company.example": account.Viewer} {
		_, link, err := w.Admin.Invite(ctx, boss, name, role)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Admin.Accept(ctx, admin.Visitor{Address: "2001:db8::7f:ab12:9", Browser: `"><img src=x onerror=alert(1)><b>` + "\x1b[31m\u202e" + strings.Repeat("long", 40)}, link, admintest.Password); err != nil {
			t.Fatal(err)
		}
		w.Wait(2 * time.Minute)
	}
	boss = w.SignIn(t).Caller
	if _, _, err := w.Admin.Invite(ctx, boss, "dana@acme.example", account.Operations); err != nil {
		t.Fatal(err)
	}
	if err := w.Admin.SetDisabled(ctx, boss, "cleo", true); err != nil {
		t.Fatal(err)
	}
	for _, q := range []admin.TokenRequest{
		{Name: "prometheus", Role: account.Operations, Scopes: []account.Permission{account.SeeMetrics}},
		{Name: "ci", Role: account.Developer, Sites: []string{"acme", "<b>"}, Age: 24 * time.Hour},
		{Name: "backup", Role: account.Admin, Age: 366 * 24 * time.Hour},
	} {
		if _, _, err := w.Admin.CreateToken(ctx, boss, q); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Admin.Block(ctx, boss, admin.Block{Kind: "address", Value: "192.0.2.7", Why: `=cmd|' /C calc'!A0 <img src=x onerror=alert(1)>`}); err != nil {
		t.Fatal(err)
	}
}
