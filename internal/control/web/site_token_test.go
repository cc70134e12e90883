package web_test

import (
	"net/http"
	"strings"
	"testing"

	"merlon/internal/control/admin"
	"merlon/internal/control/admin/admintest"
	"merlon/internal/model/account"
)

// TestPagesForATokenOfOneSite: what is of its site is shown, what is of all sites is refused, and neither is a fault of ours.
func TestPagesForATokenOfOneSite(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 5)
	_, secret, err := w.Admin.CreateToken(t.Context(), w.SignIn(t).Caller, admin.TokenRequest{Name: "one", Role: account.Security, Sites: []string{"acme"}})
	if err != nil {
		t.Fatal(err)
	}
	v := visit(t, serve(t, w))
	for path, want := range map[string]int{"/inventory": 200, "/activity": 403, "/blocks": 403} {
		code, body, _ := v.send("GET", path, nil, http.Header{"Authorization": {"Bearer " + secret}})
		if code != want || want == 403 && !strings.Contains(body, "certain sites") {
			t.Errorf("%s: %d", path, code)
		}
	}
}
