package overview_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"merlon/internal/control/admin"
	"merlon/internal/control/admin/admintest"
	"merlon/internal/control/admin/overview"
	"merlon/internal/model/account"
)

// TestSteps turns one screw at a time: each opens its own step and no other.
func TestSteps(t *testing.T) {
	all := func() overview.State {
		return overview.State{
			Status: admin.Status{Events: 9, Journal: "writing", Database: "writing"}, Endpoints: 5, Documented: 5,
			Events: &overview.Decided{Enforced: 1}, Admins: &overview.Factors{All: 1},
		}
	}
	for _, tt := range []struct {
		name   string
		change func(*overview.State)
		open   string
		says   string
	}{
		{"all is well", func(*overview.State) {}, "", ""},
		{"no traffic", func(s *overview.State) { s.Status.Events, s.Endpoints, s.Ownerless, s.Shadow = 0, 0, 3, 3 }, "traffic", "Nothing has passed"},
		{"no description", func(s *overview.State) { s.Documented = 0 }, "description", "undocumented"},
		{"owners", func(s *overview.State) { s.Ownerless = 1 }, "owners", "1 endpoint has"},
		{"candidates", func(s *overview.State) { s.Near = 2 }, "candidates", "2 candidates lack"},
		{"shadow", func(s *overview.State) { s.Shadow = 3 }, "shadow", "3 endpoints are"},
		{"shadow is not known without a description", func(s *overview.State) { s.Shadow, s.Documented = 3, 0 }, "description", ""},
		{"open data", func(s *overview.State) { s.OpenData = 1 }, "open-data", "1 endpoint answers"},
		{"open writes", func(s *overview.State) { s.OpenWrites = 2 }, "open-writes", "2 writes succeed"},
		{"watching", func(s *overview.State) { s.Events = &overview.Decided{WouldBlock: 12} }, "enforce", "12 requests would have been blocked"},
		{"watching with nothing to block", func(s *overview.State) { s.Events = &overview.Decided{} }, "enforce", "only watched"},
		{"not for who may not see events", func(s *overview.State) { s.Events = nil }, "", ""},
		{"factors", func(s *overview.State) { s.Admins.Single = 1 }, "factors", "1 administrator signs"},
		{"dropped", func(s *overview.State) { s.Status.Dropped = 4 }, "keeping-up", "4 events were"},
		{"disk", func(s *overview.State) { s.Status.Journal = "full" }, "keeping-up", "journal is full"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := all()
			tt.change(&s)
			var open []string
			text := ""
			for _, step := range s.Steps() {
				if step.Title == "" || step.Where == "" || step.Stage == "" {
					t.Errorf("%+v", step)
				}
				if !step.Done {
					open = append(open, step.ID)
					text += step.Why
				}
			}
			if got := strings.Join(open, " "); got != tt.open || !strings.Contains(text, tt.says) {
				t.Errorf("open: %q, want %q: %s", got, tt.open, text)
			}
		})
	}
}

// TestLook reads the state of a whole estate, as every role.
func TestLook(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 90)
	admins := w.SignIn(t).Caller
	for _, role := range account.Roles() {
		c := admins
		c.Role = role
		s, p, err := overview.Look(t.Context(), w.Admin, c)
		if err != nil {
			t.Fatalf("%s: %v", role, err)
		}
		sum := 0
		for _, b := range p.Bands {
			if b.Count < 0 {
				t.Errorf("%+v", p.Bands)
			}
			sum += b.Count
		}
		if s.Endpoints == 0 || sum != s.Endpoints || s.Ownerless != s.Endpoints || p.OpenData == 0 || len(p.Classes) == 0 || s.Near == 0 {
			t.Errorf("%s: %+v %+v", role, s, p)
		}
		if (s.Events != nil) != role.May(account.SeeEvents) || (s.Admins != nil) != role.May(account.SeePeople) {
			t.Errorf("%s sees %v and %v", role, s.Events, s.Admins)
		}
		for _, class := range p.Classes {
			if class.Open > class.Endpoints {
				t.Errorf("%+v", class)
			}
		}
	}
	if _, _, err := overview.Look(t.Context(), w.Admin, admin.Caller{}); !errors.Is(err, admin.ErrSignIn) {
		t.Error(err)
	}
}

// TestLooked: a mark is one's own, ends with the account, and what came after the page was made is still news.
func TestLooked(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 30)
	c := w.SignIn(t).Caller
	at, marked, err := w.Admin.Looked(t.Context(), c)
	if err != nil || marked || !at.Equal(w.Now().Add(-24*time.Hour)) {
		t.Fatal(at, marked, err)
	}
	made := w.Now()
	w.Wait(time.Minute)
	if err := w.Admin.MarkLooked(t.Context(), c, made); err != nil {
		t.Fatal(err)
	}
	if at, marked, err = w.Admin.Looked(t.Context(), c); err != nil || !marked || !at.Equal(made) {
		t.Error(at, marked, err)
	}
	if err := w.Admin.MarkLooked(t.Context(), c, w.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if at, _, err = w.Admin.Looked(t.Context(), c); err != nil || !at.Equal(w.Now()) {
		t.Errorf("nobody has seen the future: %v %v", at, err)
	}
	other := c
	other.Name = "ben"
	if _, marked, err := w.Admin.Looked(t.Context(), other); err != nil || marked {
		t.Error("another's mark", err)
	}
	machine := c
	machine.Machine = true
	if err := w.Admin.MarkLooked(t.Context(), machine, made); !errors.Is(err, admin.ErrForbidden) {
		t.Errorf("a token looked: %v", err)
	}
	if changes, err := w.Admin.Changes(t.Context(), c, w.Now().Add(-48*time.Hour), 3); err != nil || changes.New == 0 || len(changes.List) > 3 {
		t.Errorf("%+v %v", changes, err)
	}
}
