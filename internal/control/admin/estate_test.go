package admin_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"merlon/internal/control/admin"
	"merlon/internal/control/admin/admintest"
	"merlon/internal/control/admin/estate"
	"merlon/internal/model/account"
	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
)

func ptr[T any](v T) *T { return &v }

func TestChangeEndpoint(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 20)
	c := w.SignIn(t).Caller
	a, ctx := w.Admin, t.Context()
	e, err := a.ChangeEndpoint(ctx, c, 3, admin.EndpointChange{Owner: ptr(" team-a "), AddLabels: []string{"b", "a", "b"}, Template: ptr("/patients/{id}")})
	if err != nil || e.Owner != "team-a" || strings.Join(e.Labels, " ") != "a b" || e.Template != "/patients/{id}" || e.Learned != "/v2/patients/{patientId}" {
		t.Fatalf("%+v %v", e, err)
	}
	// What is not said stays.
	if e, err = a.ChangeEndpoint(ctx, c, 3, admin.EndpointChange{RemoveLabels: []string{"a"}, Ignored: ptr(true)}); err != nil || e.Owner != "team-a" || len(e.Labels) != 1 || !e.Ignored || e.Learned == "" {
		t.Fatalf("%+v %v", e, err)
	}
	page, err := a.Inventory(ctx, c, admin.InventoryQuery{})
	if err != nil || page.Total != 19 || page.All != 20 {
		t.Errorf("ignored ones are listed: %d of %d, %v", page.Total, page.All, err)
	}
	if page, err = a.Inventory(ctx, c, admin.InventoryQuery{Ignored: estate.Yes}); err != nil || page.Total != 1 || page.Endpoints[0].ID != 3 {
		t.Errorf("%d, %v", page.Total, err)
	}
	// After a restart it is the same.
	again := w.Reopen(t)
	if got, err := again.Endpoint(ctx, c, 3); err != nil || got.Owner != e.Owner || got.Template != e.Template || !got.Ignored {
		t.Errorf("%+v %v", got, err)
	}
	// The learned template's own name is no name of people's.
	if e, err = a.ChangeEndpoint(ctx, c, 3, admin.EndpointChange{Template: ptr("/v2/patients/{patientId}"), Ignored: ptr(false)}); err != nil || e.Learned != "" {
		t.Errorf("%+v %v", e, err)
	}
	for field, ch := range map[string]admin.EndpointChange{
		"owner": {Owner: ptr("a\nb")}, "labels": {AddLabels: []string{"a b"}}, "template": {Template: ptr("no slash")},
	} {
		var input *admin.InputError
		if _, err := a.ChangeEndpoint(ctx, c, 3, ch); !errors.As(err, &input) || input.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	if _, err := a.ChangeEndpoint(ctx, c, 4000, admin.EndpointChange{Owner: ptr("x")}); !errors.Is(err, admin.ErrNotFound) {
		t.Error(err)
	}
}

func TestBulk(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 60)
	c := w.SignIn(t).Caller
	a, ctx := w.Admin, t.Context()
	owned := func(owner string) int {
		t.Helper()
		page, err := a.Inventory(ctx, c, admin.InventoryQuery{Owner: owner})
		if err != nil {
			t.Fatal(err)
		}
		return page.Total
	}
	if _, err := a.ChangeEndpoint(ctx, c, 1, admin.EndpointChange{Owner: ptr("old"), Labels: ptr([]string{"kept"})}); err != nil {
		t.Fatal(err)
	}
	w.Wait(time.Minute)
	sel := admin.Selection{Query: admin.InventoryQuery{Method: "POST"}}
	ch := admin.EndpointChange{Owner: ptr("new"), AddLabels: []string{"bulk"}}
	p, err := a.PreviewEdits(ctx, c, sel, ch)
	if err != nil || p.Total == 0 || p.Changed != p.Total || len(p.Sample) == 0 || p.Sample[0].Owner != "new" || owned("new") != 0 {
		t.Fatalf("%+v %v", p, err)
	}
	if _, err := a.ApplyEdits(ctx, c, sel, ch, p.Total+1); !errors.Is(err, admin.ErrChanged) {
		t.Errorf("another selection than was looked at: %v", err)
	}
	b, err := a.ApplyEdits(ctx, c, sel, ch, p.Total)
	if err != nil || b.Count != p.Total || owned("new") != p.Total || owned("old") != 0 {
		t.Fatalf("%+v %v, %d", b, err, owned("new"))
	}
	if e, _ := a.Endpoint(ctx, c, 1); strings.Join(e.Labels, " ") != "bulk kept" {
		t.Errorf("labels %v", e.Labels)
	}
	var input *admin.InputError
	if _, err := a.ApplyEdits(ctx, c, sel, ch, p.Total); !errors.As(err, &input) {
		t.Errorf("a change that changes nothing: %v", err)
	}
	if _, err := a.ApplyEdits(ctx, c, sel, admin.EndpointChange{}, p.Total); !errors.As(err, &input) {
		t.Errorf("a change that says nothing: %v", err)
	}
	if p, err = a.PreviewEdits(ctx, c, admin.Selection{IDs: []identity.EndpointID{1, 1, 2, 4000}}, ch); err != nil || p.Total != 2 || p.Changed != 1 {
		t.Errorf("by id: %+v %v", p, err)
	}
	// Somebody edits one since; the rest goes back as it was, also after a restart.
	w.Wait(time.Minute)
	if _, err := a.ChangeEndpoint(ctx, c, 7, admin.EndpointChange{Owner: ptr("later")}); err != nil {
		t.Fatal(err)
	}
	a = w.Reopen(t)
	undone, left, err := a.UndoEdits(ctx, c, b.ID)
	if err != nil || undone != b.Count-1 || left != 1 || owned("later") != 1 || owned("new") != 0 || owned("old") != 1 {
		t.Errorf("%d undone, %d left, %v; %d %d %d", undone, left, err, owned("later"), owned("new"), owned("old"))
	}
	if e, _ := a.Endpoint(ctx, c, 1); strings.Join(e.Labels, " ") != "kept" {
		t.Errorf("labels %v", e.Labels)
	}
	if _, _, err := a.UndoEdits(ctx, c, b.ID); !errors.Is(err, admin.ErrNotFound) {
		t.Errorf("twice: %v", err)
	}
	all, err := a.EditBatches(ctx, c)
	if err != nil || len(all) != 1 || !all[0].Undone || all[0].What != "owner new, labels added: bulk" {
		t.Errorf("%+v %v", all, err)
	}
	log, err := a.Audit(ctx, c, admin.AuditQuery{})
	if err != nil || log[0].Action != "endpoints.undo" || log[2].Action != "endpoints.edit" || log[2].Target != fmt.Sprintf("%d endpoints", b.Count) {
		t.Errorf("%+v %v", log, err)
	}
}

func TestViewsOfPeople(t *testing.T) {
	w := admintest.New(t)
	ana := w.SignIn(t).Caller
	bob := ana
	bob.Name, bob.Role = "bob", account.Viewer
	a, ctx := w.Admin, t.Context()
	v, err := a.SaveView(ctx, bob, admin.View{Room: "inventory", Name: " Open to all ", Query: "sort=risk&auth=none"})
	if err != nil || v.Name != "Open to all" || v.Query != "auth=none&sort=risk" || !v.Own {
		t.Fatalf("%+v %v", v, err)
	}
	if all, err := a.Views(ctx, ana, "inventory"); err != nil || len(all) != 0 {
		t.Errorf("a private view is seen: %+v %v", all, err)
	}
	for _, err := range []error{
		a.RemoveView(ctx, ana, v.ID), a.OpenWith(ctx, ana, "inventory", v.ID), a.OpenWith(ctx, bob, "activity", v.ID), a.RemoveView(ctx, bob, "none"),
		second(a.SaveView(ctx, ana, admin.View{ID: v.ID, Name: "taken"})),
	} {
		if !errors.Is(err, admin.ErrNotFound) {
			t.Error(err)
		}
	}
	var input *admin.InputError
	for _, bad := range []admin.View{
		{Room: "inventory", Name: "open TO all"},
		{Room: "inventory"},
		{Room: "kitchen", Name: "x"},
		{Room: "inventory", Name: "x", Query: "%zz"},
		{Room: "inventory", Name: strings.Repeat("x", 65)},
		{Room: "inventory", Name: "x", Query: strings.Repeat("x", 2049)},
	} {
		if _, err := a.SaveView(ctx, bob, bad); !errors.As(err, &input) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if v, err = a.SaveView(ctx, bob, admin.View{ID: v.ID, Name: "renamed", Shared: true}); err != nil || v.Query != "auth=none&sort=risk" || v.Account != "bob" {
		t.Errorf("%+v %v", v, err)
	}
	if err := a.OpenWith(ctx, ana, "inventory", v.ID); err != nil {
		t.Error(err)
	}
	all, err := a.Views(ctx, ana, "inventory")
	if err != nil || len(all) != 1 || !all[0].Default || all[0].Own {
		t.Errorf("%+v %v", all, err)
	}
	if err := a.OpenWith(ctx, ana, "inventory", ""); err != nil {
		t.Error(err)
	}
	// Who decides over people may remove what others share.
	if err := a.RemoveView(ctx, ana, v.ID); err != nil {
		t.Error(err)
	}
	if _, err := a.Views(ctx, admin.Caller{}, "inventory"); !errors.Is(err, admin.ErrSignIn) {
		t.Error(err)
	}
}

func second[T any](_ T, err error) error { return err }

// TestSitesOfATokenAreAllItSees: a token for some sites sees, counts and changes nothing of the others.
func TestSitesOfATokenAreAllItSees(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 30)
	v := *w.Estate()
	other := inventory.Site{Name: "other"}
	for _, e := range v.Sites[0].Endpoints[:10] {
		e.ID, e.Site, e.Host = e.ID+1000, "other", "secret.example"
		other.Endpoints = append(other.Endpoints, e)
	}
	v.Sites = []inventory.Site{v.Sites[0], other}
	w.SetEstate(&v)
	all := w.SignIn(t).Caller
	c := all
	c.Machine, c.Sites = true, []string{"other"}
	a, ctx := w.Admin, t.Context()
	page, err := a.Inventory(ctx, c, admin.InventoryQuery{Facets: true})
	if err != nil || page.Total != 10 || page.All != 10 || len(page.Sites) != 1 {
		t.Errorf("%d of %d in %v: %v", page.Total, page.All, page.Sites, err)
	}
	for _, f := range page.Facets {
		for _, v := range f.Values {
			if v.Count > 10 {
				t.Errorf("%s %s counts %d", f.By, v.Value, v.Count)
			}
		}
	}
	if _, err := a.Inventory(ctx, c, admin.InventoryQuery{Site: "acme"}); !errors.Is(err, admin.ErrSite) {
		t.Error(err)
	}
	if _, err := a.Endpoint(ctx, c, 1); !errors.Is(err, admin.ErrNotFound) {
		t.Error(err)
	}
	if _, err := a.Endpoint(ctx, c, 1001); err != nil {
		t.Error(err)
	}
	g, err := a.Groups(ctx, c, admin.InventoryQuery{}, estate.Host)
	if err != nil || len(g.Items) != 1 {
		t.Error(g, err)
	}
	tree, err := a.Tree(ctx, c, admin.TreeQuery{})
	if err != nil || tree.Root.Endpoints != 10 {
		t.Error(tree, err)
	}
	out, err := a.ExportFound(ctx, c, admin.FormatJSON, admin.InventoryQuery{})
	if err != nil || len(out.Sites) != 1 || len(out.Sites[0].Endpoints) != 10 {
		t.Error(err)
	}
	if _, err := a.ChangeEndpoint(ctx, c, 1, admin.EndpointChange{Owner: ptr("x")}); !errors.Is(err, admin.ErrNotFound) {
		t.Error(err)
	}
	p, err := a.PreviewEdits(ctx, c, admin.Selection{IDs: []identity.EndpointID{1, 2, 1001}}, admin.EndpointChange{Owner: ptr("x")})
	if err != nil || p.Total != 1 {
		t.Error(p, err)
	}
	if p, err := a.PreviewEdits(ctx, all, admin.Selection{}, admin.EndpointChange{}); err != nil || p.Total != 40 {
		t.Error(p, err)
	}
	if _, _, err := a.Tour(ctx, c); err != nil {
		t.Errorf("the tour: %v", err)
	}
	var mistake *admin.InputError
	if _, err := a.Inventory(ctx, c, admin.InventoryQuery{Sort: "risk", After: 1}); !errors.As(err, &mistake) {
		t.Errorf("a page that begins after another site's endpoint: %v", err)
	}
}

// TestNamingASiteShowsATokenNoOther: a token for one site that asks for that site is told of, and counts, nothing beside it.
func TestNamingASiteShowsATokenNoOther(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 30)
	v := *w.Estate()
	other := inventory.Site{Name: "other"}
	for _, e := range v.Sites[0].Endpoints[:10] {
		e.ID, e.Site, e.Host = e.ID+1000, "other", "secret.example"
		other.Endpoints = append(other.Endpoints, e)
	}
	v.Sites = []inventory.Site{v.Sites[0], other}
	w.SetEstate(&v)
	c := w.SignIn(t).Caller
	c.Machine, c.Sites = true, []string{"other"}
	a, ctx := w.Admin, t.Context()
	facets := func(name string, all []estate.Facet) {
		t.Helper()
		for _, f := range all {
			for _, v := range f.Values {
				if v.Count > 10 || v.Value == "acme" || f.By == estate.Host && v.Value != "secret.example" {
					t.Errorf("%s: %s %s counts %d", name, f.By, v.Value, v.Count)
				}
			}
		}
	}
	sites := func(name string, all int, names []string) {
		t.Helper()
		if all != 10 || len(names) != 1 || names[0] != "other" {
			t.Errorf("%s: %d endpoints in %v", name, all, names)
		}
	}
	for _, q := range []admin.InventoryQuery{
		{Site: "other", Facets: true},
		{Site: "other", Facets: true, Search: "patients"},
		{Site: "other", Facets: true, Host: "secret.example"},
		{Site: "other", Facets: true, Host: "api.acme.example"},
	} {
		page, err := a.Inventory(ctx, c, q)
		if err != nil {
			t.Fatal(err)
		}
		facets("list", page.Facets)
		sites("list", page.All, page.Sites)
		g, err := a.Groups(ctx, c, q, estate.Owner)
		if err != nil {
			t.Fatal(err)
		}
		facets("groups", g.Facets)
		sites("groups", g.All, g.Sites)
		tree, err := a.Tree(ctx, c, admin.TreeQuery{Query: q})
		if err != nil {
			t.Fatal(err)
		}
		sites("tree", tree.All, tree.Sites)
		out, err := a.ExportFound(ctx, c, admin.FormatJSON, q)
		if err != nil || len(out.Sites) > 1 || len(out.Sites) == 1 && out.Sites[0].Name != "other" {
			t.Errorf("export: %d sites, %v", len(out.Sites), err)
		}
	}
	for name, err := range map[string]error{
		"list":   second(a.Inventory(ctx, c, admin.InventoryQuery{Site: "acme"})),
		"groups": second(a.Groups(ctx, c, admin.InventoryQuery{Site: "acme"}, estate.Host)),
		"tree":   second(a.Tree(ctx, c, admin.TreeQuery{Query: admin.InventoryQuery{Site: "acme"}})),
		"export": second(a.ExportInventory(ctx, c, admin.FormatOpenAPI, "acme")),
		// These are of all sites.
		"events":    second(a.Events(ctx, c, admin.EventQuery{Site: "other"})),
		"histogram": second(a.EventHistogram(ctx, c, admin.EventQuery{Site: "other"}, 4)),
		"views":     second(a.Views(ctx, c, "inventory")),
		"blocks":    second(a.Standing(ctx, c)),
	} {
		if !errors.Is(err, admin.ErrSite) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
