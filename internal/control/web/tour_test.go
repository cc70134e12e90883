package web_test

import (
	"net/url"
	"strings"
	"testing"

	"merlon/internal/control/admin/admintest"
)

// TestTour follows the guided tour as a browser without JavaScript: it is offered once, tells of what was found, and is gone
// when it was dismissed.
func TestTour(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 18)
	w.SignIn(t)
	s := serve(t, w)
	v := visit(t, s)
	v.signIn()
	const aside = `aria-label="Guided tour"`
	for _, page := range []string{"/inventory", "/activity"} {
		if _, body := v.get(page); strings.Contains(body, aside) {
			t.Fatalf("the tour is offered on %s too", page)
		}
	}
	_, body := v.get("/")
	if !strings.Contains(body, aside) || !strings.Contains(body, "POST /v2/billing/invoices/{invoiceId}/adjust") {
		t.Fatal("the overview does not offer the tour of the undocumented write")
	}
	for i, want := range []string{
		"Writes that nobody described", "first succeeded", "It had never written before", "Decide",
	} {
		stop := []string{"1", "2", "3", "4"}[i]
		code, body := v.post("/", "/tour", url.Values{"stop": {stop}})
		if code != 200 || !strings.Contains(body, want) {
			t.Fatalf("stop %s: %d, does not say %q", stop, code, want)
		}
	}
	if _, body := v.get("/activity"); !strings.Contains(body, "Back to the tour") {
		t.Error("who has wandered off finds no way back")
	}
	if code, body := v.post("/", "/tour", url.Values{"stop": {"end"}, "back": {"/inventory"}}); code != 200 || strings.Contains(body, aside) {
		t.Errorf("the tour goes on after its end: %d", code)
	}
	if _, body := v.get("/"); strings.Contains(body, aside) {
		t.Error("a tour that was ended is offered again")
	}
}

func TestTourIsSilentWithoutAStory(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 10) // all documented
	w.SignIn(t)
	v := visit(t, serve(t, w))
	v.signIn()
	if _, body := v.get("/"); strings.Contains(body, "Guided tour") {
		t.Error("a tour with nothing to tell")
	}
	if code, _ := v.post("/", "/tour", url.Values{"stop": {"3"}}); code != 200 {
		t.Errorf("a stop of no tour: %d, want the overview", code)
	}
}
