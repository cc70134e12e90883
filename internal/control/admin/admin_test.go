package admin_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/csv"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"merlon/internal/config"
	"merlon/internal/control/admin"
	"merlon/internal/control/admin/admintest"
	"merlon/internal/enforce/policy"
	"merlon/internal/model/account"
	"merlon/internal/model/bundle"
	"merlon/internal/model/inventory"
)

func TestSetupWorksOnce(t *testing.T) {
	w := admintest.New(t)
	token, needed, err := w.Admin.NewSetup(t.Context())
	if err != nil || !needed || len(token) < 40 {
		t.Fatal(token, needed, err)
	}
	// However many try at a time, one comes in.
	var wg sync.WaitGroup
	in := make(chan string, 8)
	for _, name := range []string{"a1", "b2", "c3", "d4", "e5", "f6", "g7", "h8"} {
		wg.Go(func() {
			if s, err := w.Admin.SetUp(t.Context(), admin.Visitor{Address: "127.0.0.1"}, token, name, admintest.Password); err == nil {
				in <- s.Caller.Name
			} else if !errors.Is(err, admin.ErrSetup) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	wg.Wait()
	if len(in) != 1 {
		t.Errorf("%d came in by one link", len(in))
	}
	if _, needed, err := w.Admin.NewSetup(t.Context()); needed || err != nil {
		t.Errorf("a second link: %v %v", needed, err)
	}
}

func TestSetupExpiresAndIsReplaced(t *testing.T) {
	w := admintest.New(t)
	first, _, err := w.Admin.NewSetup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second, _, err := w.Admin.NewSetup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	from := admin.Visitor{Address: "127.0.0.1"}
	if _, err := w.Admin.SetUp(t.Context(), from, first, "ana", admintest.Password); !errors.Is(err, admin.ErrSetup) {
		t.Errorf("a replaced link: %v", err)
	}
	w.Wait(admin.SetupAge + time.Second)
	if _, err := w.Admin.SetUp(t.Context(), from, second, "ana", admintest.Password); !errors.Is(err, admin.ErrSetup) {
		t.Errorf("an old link: %v", err)
	}
}

func TestSessionEnds(t *testing.T) {
	w := admintest.New(t)
	in := w.SignIn(t)
	if c, err := w.Admin.Session(t.Context(), in.Secret, "127.0.0.1"); err != nil || c.Name != admintest.Name || c.Role != account.Admin {
		t.Errorf("%+v %v", c, err)
	}
	w.Wait(admin.SessionAge + time.Second)
	if _, err := w.Admin.Session(t.Context(), in.Secret, "127.0.0.1"); !errors.Is(err, admin.ErrSignIn) {
		t.Errorf("after its end: %v", err)
	}
	for _, secret := range []string{"", "x", strings.Repeat("a", 43), strings.Repeat("a", 1<<20)} {
		if _, err := w.Admin.Session(t.Context(), secret, "127.0.0.1"); !errors.Is(err, admin.ErrSignIn) {
			t.Errorf("%.10q: %v", secret, err)
		}
	}
}

func TestThrottleByAddress(t *testing.T) {
	w := admintest.New(t)
	w.SignIn(t)
	refused := 0
	for i := range 40 {
		// Another name each time, from the addresses of one IPv6 subscriber.
		from := admin.Visitor{Address: "2001:db8::" + string(rune('0'+i%10))}
		_, err := w.Admin.SignIn(t.Context(), from, "name"+string(rune('a'+i%26))+string(rune('a'+i/26)), "wrong password")
		var throttled *admin.ThrottledError
		if errors.As(err, &throttled) {
			refused++
		} else if !errors.Is(err, admin.ErrCredentials) {
			t.Fatal(err)
		}
	}
	if refused != 20 {
		t.Errorf("%d of 40 refused", refused)
	}
	if _, err := w.Admin.SignIn(t.Context(), admin.Visitor{Address: "192.0.2.9"}, admintest.Name, admintest.Password); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
}

// TestAudit: every change has its entry, the chain holds, and no secret stands in it.
func TestAudit(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 5)
	in := w.SignIn(t)
	ctx, c := t.Context(), in.Caller
	b, err := w.Admin.Block(ctx, c, admin.Block{Kind: bundle.ListAddress, Value: "192.0.2.7", Why: "scanner"})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Admin.Unblock(ctx, c, b.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Admin.EditEndpoint(ctx, c, 2, "team", []string{"a"}); err != nil {
		t.Fatal(err)
	}
	k, secret, err := w.Admin.CreateToken(ctx, c, admin.TokenRequest{Name: "ci", Role: account.Viewer, Age: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Admin.RevokeToken(ctx, c, k.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Admin.SignIn(ctx, admin.Visitor{Address: "192.0.2.1"}, admintest.Name, "wrong password"); !errors.Is(err, admin.ErrCredentials) {
		t.Fatal(err)
	}
	if err := w.Admin.SignOut(ctx, c); err != nil {
		t.Fatal(err)
	}
	all, err := w.Admin.Audit(ctx, c, admin.AuditQuery{})
	if err != nil {
		t.Fatal(err)
	}
	var actions []string
	for i := range all {
		actions = append(actions, all[len(all)-1-i].Action)
	}
	want := "setup.offer account.create session.begin standing.put standing.remove endpoint.edit token.create token.revoke session.refuse session.end"
	if got := strings.Join(actions, " "); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	text, _ := json.Marshal(all)
	for _, s := range []string{secret, in.Secret, admintest.Password, "wrong password"} {
		if bytes.Contains(text, []byte(s)) {
			t.Errorf("the log holds a secret: %s", text)
		}
	}
	if v, err := w.Store.VerifyAudit(ctx); v.Broken != 0 || err != nil {
		t.Errorf("the chain breaks at %d: %v", v.Broken, err)
	}
}

func TestStandingSurvivesRestart(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 5)
	c := w.SignIn(t).Caller
	for _, b := range []admin.Block{
		{Kind: bundle.ListAddress, Value: "::ffff:192.0.2.7"},
		{Kind: bundle.ListAddress, Value: "192.0.2.9/24", Until: w.Now().Add(time.Hour)},
		{Kind: bundle.ListEndpoint, Value: "2"},
		{Kind: bundle.ListCountry, Value: "kp"},
		{Kind: bundle.ListFingerprint, Value: "00000000000000AB"},
		{Kind: bundle.ListAddress, Value: "192.0.2.7", Mode: bundle.ModeWatch},
	} {
		if _, err := w.Admin.Block(t.Context(), c, b); err != nil {
			t.Fatalf("%+v: %v", b, err)
		}
	}
	w.Reopen(t)
	got := map[string]bundle.Mode{}
	for _, e := range w.Standing().Entries {
		got[string(e.Kind)+" "+e.Value] = e.Mode
	}
	if len(got) != 5 || got["address 192.0.2.7"] != bundle.ModeWatch || got["address 192.0.2.0/24"] != bundle.ModeEnforce || got["country KP"] == "" || got["fingerprint 00000000000000ab"] == "" || got["endpoint 2"] == "" {
		t.Errorf("%v", got)
	}
	w.Wait(2 * time.Hour)
	if list, err := w.Admin.Standing(t.Context(), c); err != nil || len(list) != 4 {
		t.Errorf("after one has ended: %d %v", len(list), err)
	}
}

// TestBlocksHoldForWhoHasGone: whoever asks and goes away as soon as a block is stored has it in force all the same.
func TestBlocksHoldForWhoHasGone(t *testing.T) {
	w := admintest.New(t)
	c := w.SignIn(t).Caller
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	var held bundle.Standing
	want := 1 // blocks stored when the caller goes
	a, err := admin.New(t.Context(), admin.Options{
		Store: w.Store, Inventory: w.Estate, Status: w.Status, Key: [32]byte{1}, Random: rand.Reader, Log: slog.New(slog.DiscardHandler),
		Stand: func(s bundle.Standing) []policy.Mistake { held = s; return nil },
		Now: func() time.Time {
			if s, err := w.Store.Standing(context.Background(), w.Now()); err != nil || len(s.Entries) == want {
				leave()
			}
			return w.Now()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	b, err := a.Block(ctx, c, admin.Block{Kind: bundle.ListAddress, Value: "192.0.2.7"})
	if err != nil || ctx.Err() == nil || len(held.Entries) != 1 {
		t.Fatalf("%d blocks hold, gone: %v, %v", len(held.Entries), ctx.Err(), err)
	}
	want = 0
	ctx, leave = context.WithCancel(t.Context())
	defer leave()
	if a.Unblock(ctx, c, b.ID) != nil || ctx.Err() == nil || len(held.Entries) != 0 {
		t.Errorf("%d blocks hold, gone: %v", len(held.Entries), ctx.Err())
	}
}

// TestLiveListsOfOneAreBounded: nobody takes all live lists.
func TestLiveListsOfOneAreBounded(t *testing.T) {
	w := admintest.New(t)
	c := w.SignIn(t).Caller
	other := c
	other.Name = "token:other"
	errDone := errors.New("done")
	open, others := 0, 0
	var look func([]admin.Event) error
	look = func([]admin.Event) error {
		open++
		if open < 20 {
			if err := w.Admin.FollowEvents(t.Context(), c, admin.EventQuery{}, look); !errors.Is(err, admin.ErrBusy) {
				return err
			}
		}
		err := w.Admin.FollowEvents(t.Context(), other, admin.EventQuery{}, func([]admin.Event) error { others++; return errDone })
		if !errors.Is(err, errDone) {
			t.Errorf("another is kept out: %v", err)
		}
		return errDone
	}
	for range 2 { // what was left is free again
		open = 0
		if err := w.Admin.FollowEvents(t.Context(), c, admin.EventQuery{}, look); !errors.Is(err, errDone) {
			t.Fatal(err)
		}
		if open != 8 || others == 0 {
			t.Errorf("%d lists of one, %d of another", open, others)
		}
	}
}

func TestEveryUseCaseNeedsItsPermission(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 5)
	admins := w.SignIn(t).Caller
	a, ctx := w.Admin, context.Background()
	for p, use := range map[account.Permission]func(admin.Caller) error{
		account.SeeStatus:     func(c admin.Caller) error { _, err := a.Status(ctx, c); return err },
		account.SeeInventory:  func(c admin.Caller) error { _, err := a.Inventory(ctx, c, admin.InventoryQuery{}); return err },
		account.EditInventory: func(c admin.Caller) error { _, err := a.EditEndpoint(ctx, c, 1, "x", nil); return err },
		account.SeeEvents:     func(c admin.Caller) error { _, err := a.Events(ctx, c, admin.EventQuery{}); return err },
		account.SeeStanding:   func(c admin.Caller) error { _, err := a.Standing(ctx, c); return err },
		account.EditStanding: func(c admin.Caller) error {
			_, err := a.Block(ctx, c, admin.Block{Kind: bundle.ListAddress, Value: "192.0.2.7"})
			return err
		},
		account.SeeAudit:   func(c admin.Caller) error { _, err := a.Audit(ctx, c, admin.AuditQuery{Limit: 1}); return err },
		account.EditTokens: func(c admin.Caller) error { _, err := a.Tokens(ctx, c); return err },
	} {
		if err := use(admin.Caller{}); !errors.Is(err, admin.ErrSignIn) {
			t.Errorf("%s as nobody: %v", p, err)
		}
		for _, role := range account.Roles() {
			c := admins
			c.Role = role
			if err := use(c); (err == nil) != role.May(p) || err != nil && !errors.Is(err, admin.ErrForbidden) {
				t.Errorf("%s as %s: %v", p, role, err)
			}
		}
	}
}

func TestExports(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 40)
	c := w.SignIn(t).Caller
	estate := *w.Estate()
	// What traffic can name, and what OpenAPI cannot say: a formula, another host, other names of parameters, an odd method.
	more := estate.Sites[0].Endpoints[2]
	more.ID, more.Host, more.Template = 1001, "other.acme.example", "/v2/patients/{id}"
	odd := estate.Sites[0].Endpoints[2]
	odd.ID, odd.Method, odd.Template, odd.Owner = 1002, "PURGE", "/=cmd|'/c calc'!A1/{a}/{b}", "=1+1"
	site := inventory.Site{Name: "acme", Endpoints: append(append([]inventory.Endpoint(nil), estate.Sites[0].Endpoints...), more, odd)}
	estate.Sites = []inventory.Site{site}
	w.SetEstate(&estate)
	export := func(f admin.Format) []byte {
		t.Helper()
		v, err := w.Admin.ExportInventory(t.Context(), c, f, "")
		if err != nil {
			t.Fatal(err)
		}
		var a, b bytes.Buffer
		if err := errors.Join(admin.Export(&a, f, v), admin.Export(&b, f, v)); err != nil || !bytes.Equal(a.Bytes(), b.Bytes()) {
			t.Fatalf("%s: not the same twice: %v", f, err)
		}
		return a.Bytes()
	}
	var list []inventory.Endpoint
	if err := json.Unmarshal(export(admin.FormatJSON), &list); err != nil || len(list) != 42 {
		t.Errorf("json: %d %v", len(list), err)
	}
	rows, err := csv.NewReader(bytes.NewReader(export(admin.FormatCSV))).ReadAll()
	if err != nil || len(rows) != 43 {
		t.Fatalf("csv: %d %v", len(rows), err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@") {
				t.Errorf("a spreadsheet would run %q", cell)
			}
		}
	}
	doc, err := openapi3.NewLoader().LoadFromData(export(admin.FormatOpenAPI))
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Errorf("openapi: %v", err)
	}
	get := doc.Paths.Find("/v2/patients/{patientId}").Get
	if get == nil || get.Parameters.GetByInAndName("path", "patientId") == nil || get.Responses.Value("2XX") == nil {
		t.Errorf("the operation is not there: %+v", get)
	}
	if doc.Paths.Find("/v1/patients/{id}").Get.Deprecated != true {
		t.Error("deprecated is lost")
	}
}

func TestSeriesFillsGaps(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 5)
	c := w.SignIn(t).Caller
	points, err := w.Admin.Series(t.Context(), c, admin.SeriesQuery{From: w.Now().Add(-48 * time.Hour), To: w.Now(), Step: time.Hour})
	if err != nil || len(points) != 49 || points[0].Requests != 0 || points[40].Requests == 0 {
		t.Errorf("%d points, %v", len(points), err)
	}
	for i := 1; i < len(points); i++ {
		if points[i].At.Sub(points[i-1].At) != time.Hour {
			t.Fatalf("a gap at %v", points[i].At)
		}
	}
}

func TestUnsafeAddressIsRefused(t *testing.T) {
	for _, tt := range []struct {
		name string
		s    admin.Surface
		want error
	}{
		{"loopback", admin.Surface{Config: config.Admin{Address: "127.0.0.1:9901"}}, nil},
		{"loopback in v6", admin.Surface{Config: config.Admin{Address: "[::1]:9901"}}, nil},
		{"name", admin.Surface{Config: config.Admin{Address: "localhost:9901"}}, nil},
		{"every interface", admin.Surface{Config: config.Admin{Address: ":9901"}}, admin.ErrInsecure},
		{"network", admin.Surface{Config: config.Admin{Address: "192.0.2.1:9901"}}, admin.ErrInsecure},
		{"mapped", admin.Surface{Config: config.Admin{Address: "[::ffff:192.0.2.1]:9901"}}, admin.ErrInsecure},
		{"told", admin.Surface{Config: config.Admin{Address: ":9901", AllowInsecure: true}}, nil},
		{"tls", admin.Surface{Config: config.Admin{Address: ":9901"}, TLS: true}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.s.API, tt.s.Web, tt.s.Log = http.NotFoundHandler(), http.NotFoundHandler(), slog.New(slog.DiscardHandler)
			if _, err := admin.Handler(tt.s); !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
}

func BenchmarkInventory(b *testing.B) {
	w := admintest.New(b)
	w.Fill(b, 10_000)
	c := w.SignIn(b).Caller
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.Admin.Inventory(b.Context(), c, admin.InventoryQuery{Search: "patients records", Sort: "risk", Limit: 100}); err != nil {
			b.Fatal(err)
		}
	}
}
