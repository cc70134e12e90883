package people

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"merlon/internal/control/admin"
	"merlon/internal/control/web/ui"
	"merlon/internal/model/account"
)

// tokenList is everything the page of tokens shows.
type tokenList struct {
	Tokens []account.Token
	Typed  url.Values
	Secret string // of the token that was just made; it is shown this one time
	Made   account.Token
}

func (s *room) tokens(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	return s.showTokens(w, r, p, tokenList{Typed: r.PostForm})
}

func (s *room) showTokens(w http.ResponseWriter, r *http.Request, p *ui.Page, v tokenList) (err error) {
	begin(r, p, "API tokens")
	if v.Tokens, err = s.Admin.Tokens(r.Context(), p.Caller); err != nil {
		return err
	}
	return show(w, r, tokensPage(p, v))
}

func (s *room) createToken(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	f := r.PostForm
	q := admin.TokenRequest{Name: f.Get("name"), Role: account.Role(f.Get("role")), Sites: strings.FieldsFunc(f.Get("sites"), func(r rune) bool { return r == ' ' || r == ',' })}
	for _, scope := range f["scope"] {
		q.Scopes = append(q.Scopes, account.Permission(scope))
	}
	days, err := strconv.Atoi(f.Get("days"))
	if err != nil || days < 1 || days > 10_000 {
		days = -1 // refused below, with what would be right
	}
	q.Age = time.Duration(days) * 24 * time.Hour
	t, secret, err := s.Admin.CreateToken(r.Context(), p.Caller, q)
	if err != nil {
		return s.done(w, r, p, err, "/tokens", "", s.tokens)
	}
	return s.showTokens(w, r, p, tokenList{Secret: secret, Made: t})
}

func (s *room) revokeToken(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	return s.done(w, r, p, s.Admin.RevokeToken(r.Context(), p.Caller, r.PathValue("id")), "/tokens", "revoked", s.tokens)
}
