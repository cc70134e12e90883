package web

import (
	"net/http"
	"net/url"

	"merlon/internal/control/web/ui"
)

// themeCookie keeps what somebody chose; without it the browser's own preference holds. It is not a secret.
const themeCookie = "merlon_theme"

// themeOf is "light", "dark", or "" for what the browser prefers.
func themeOf(r *http.Request) string {
	if c, err := r.Cookie(themeCookie); err == nil && (c.Value == "light" || c.Value == "dark") {
		return c.Value
	}
	return ""
}

// setTheme keeps the choice for a year and goes back to the page it was made on.
func setTheme(w http.ResponseWriter, r *http.Request, _ *ui.Page) error {
	c := &http.Cookie{Name: themeCookie, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil, MaxAge: 365 * 24 * 3600}
	switch choice := r.PostForm.Get("theme"); choice {
	case "light", "dark":
		c.Value = choice
	default:
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
	http.Redirect(w, r, cameFrom(r), http.StatusSeeOther)
	return nil
}

// cameFrom is the page that a form of the frame was sent from: the path alone matters, and only one of ours.
func cameFrom(r *http.Request) string {
	back, err := url.Parse(r.PostForm.Get("back"))
	if err != nil {
		return "/"
	}
	q := back.Query()
	q.Del("done")
	back.RawQuery, back.Fragment = q.Encode(), ""
	return ui.Within(back.String())
}
