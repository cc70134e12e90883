// Package web is the web UI, server-rendered.
//
// The rooms are packages beside it, by what people do; this one has the routes, the guard before them and the assets.
// Every page works without JavaScript: forms are plain, lists are pages. The one script adds the live list of events and
// sends filters when they change. Text from traffic reaches a page only through templ, which escapes it.
package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/klauspost/compress/gzhttp"

	"merlon/internal/control/admin"
	"merlon/internal/control/web/activity"
	"merlon/internal/control/web/endpoint"
	"merlon/internal/control/web/estate"
	"merlon/internal/control/web/overview"
	"merlon/internal/control/web/people"
	"merlon/internal/control/web/policy"
	"merlon/internal/control/web/tour"
	"merlon/internal/control/web/ui"
	"merlon/internal/model/account"
)

// Options is everything the dashboard is made from.
type Options = ui.Options

type server struct {
	Options

	assets *assetSet
	nav    []ui.Place
}

// Routes is everything the dashboard answers, beside its assets.
func Routes(o Options) []ui.Route {
	return slices.Concat(
		[]ui.Route{{Method: "POST", Path: "/theme", Needs: account.Open, Handle: setTheme}},
		people.Routes(o), overview.Routes(o), estate.Routes(o), endpoint.Routes(o), activity.Routes(o), policy.Routes(o), tour.Routes(o),
	)
}

// New makes the handler of the dashboard.
func New(o Options) http.Handler {
	files, err := newAssets(assets)
	if err != nil {
		panic(err) // the folder is embedded, and compressing into memory does not fail
	}
	routes := Routes(o)
	s := &server{Options: o, assets: files, nav: ui.Places(routes)}
	pages := http.NewServeMux()
	for _, r := range routes {
		pages.HandleFunc(r.Method+" "+r.Path, s.guard(r))
	}
	pages.HandleFunc("/", s.guard(ui.Route{Needs: account.Open, Handle: func(http.ResponseWriter, *http.Request, *ui.Page) error { return admin.ErrNotFound }}))
	mux := http.NewServeMux()
	mux.Handle("GET /assets/", files)
	mux.Handle("/", compressed(pages))
	return mux
}

// smallest is how large an answer must be for compression to pay, in bytes.
const smallest = 1024

// compressed sends pages compressed. Guessing a page's secrets by its length (BREACH) needs another site to have the page
// made with text of its own, again and again: what another site has asked for goes as it is. The jitter is the second line.
func compressed(next http.Handler) http.Handler {
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(smallest), gzhttp.ContentTypes([]string{"text/html"}), gzhttp.RandomJitter(32, 0, false))
	if err != nil {
		panic(err) // the options are constants
	}
	small := wrap(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if from := r.Header.Get("Sec-Fetch-Site"); from == "cross-site" || from == "same-site" {
			next.ServeHTTP(w, r)
			return
		}
		small.ServeHTTP(w, r)
	})
}

var errProof = errors.New("this form is no longer valid: go back, reload the page and send it again")

// guard finds out who asks, sends who is not signed in to the door, and wants the proof of the cookie with every form.
func (s *server) guard(route ui.Route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p := &ui.Page{
			Notice: notice(r.URL.Query().Get("done")), Assets: s.assets.base, Nav: s.nav, Theme: themeOf(r), Here: r.URL.RequestURI(), Now: s.Admin.Now(),
		}
		err := s.enter(w, r, route, p)
		if err == nil {
			var lost error
			if p.Tour, lost = tour.Of(r, s.Options, p.Caller); lost != nil { // the page is what was asked for
				s.Log.Warn("the guided tour found nothing to tell", "error", lost)
			}
			err = route.Handle(w, r, p)
		}
		if err != nil {
			s.fail(w, r, p, err)
		}
	}
}

func (s *server) enter(w http.ResponseWriter, r *http.Request, route ui.Route, p *ui.Page) (err error) {
	if p.Caller, err = s.Admin.Who(r); err != nil {
		return err
	}
	if p.CSRF, err = s.Admin.Proof(w, r); err != nil {
		return err
	}
	if err := p.Caller.Admit(route.Needs); err != nil {
		return err
	}
	if p.Caller.May(account.SeeStatus) {
		// A token for some sites sees none of what is of all of them, and the page all the same.
		if p.Status, err = s.Admin.Status(r.Context(), p.Caller); err != nil && !errors.Is(err, admin.ErrSite) {
			return err
		}
	}
	if r.Method != http.MethodPost {
		return nil
	}
	if err := r.ParseForm(); err != nil {
		return &admin.InputError{Field: "form", Err: errors.New("it is too large or not well formed")}
	}
	given := r.PostForm.Get("csrf")
	if given == "" {
		given = r.Header.Get("X-CSRF-Token") // forms that htmx sends
	}
	if !p.Caller.Machine && !admin.Proved(r, given) {
		return errProof
	}
	return nil
}

// fail shows an error as a page. Who is not signed in goes to the door, and comes back to where they wanted to go.
func (s *server) fail(w http.ResponseWriter, r *http.Request, p *ui.Page, err error) {
	status, text := http.StatusInternalServerError, "Something went wrong here; the log of the server says what."
	var (
		input     *admin.InputError
		throttled *admin.ThrottledError
	)
	switch {
	case errors.Is(err, admin.ErrSignIn) && r.Method == http.MethodGet:
		http.Redirect(w, r, door(r), http.StatusSeeOther)
		return
	case errors.Is(err, admin.ErrSignIn):
		status, text = http.StatusUnauthorized, "Your session has ended. Sign in and try again."
	case errors.Is(err, admin.ErrForbidden), errors.Is(err, admin.ErrSite), errors.Is(err, admin.ErrStale), errors.Is(err, errProof):
		status, text = http.StatusForbidden, ui.Sentence(err)
	case errors.Is(err, admin.ErrNotFound):
		status, text = http.StatusNotFound, "There is nothing here. It may have been removed, or merged into something else."
	case errors.As(err, &input):
		status, text = http.StatusBadRequest, ui.Sentence(err)
	case errors.As(err, &throttled), errors.Is(err, admin.ErrBusy):
		status, text = http.StatusTooManyRequests, ui.Sentence(err)
	case errors.Is(err, admin.ErrChanged):
		status, text = http.StatusConflict, ui.Sentence(err)
	default:
		s.Log.Error("page failed", "method", r.Method, "path", r.URL.Path, "cause", err)
		if full, ok := admin.DiskFull(err); ok {
			status, text = http.StatusInsufficientStorage, full
		}
	}
	p.Title = titleOf(status)
	if err := ui.Show(w, r, status, ui.ErrorPage(p, text)); err != nil {
		http.Error(w, text, status)
	}
}

// titleOf is a status in words for people.
func titleOf(status int) string {
	switch status {
	case http.StatusNotFound:
		return "Nothing here"
	case http.StatusForbidden:
		return "Not for you"
	case http.StatusUnauthorized:
		return "Sign in again"
	case http.StatusBadRequest:
		return "That could not be read"
	case http.StatusTooManyRequests:
		return "A little slower"
	case http.StatusConflict:
		return "Somebody was faster"
	case http.StatusInsufficientStorage:
		return "The disk is full"
	default:
		return "Something went wrong"
	}
}

// door is where to sign in, with the way back.
func door(r *http.Request) string {
	if r.URL.Path == "/" && r.URL.RawQuery == "" {
		return "/sign-in"
	}
	return "/sign-in?next=" + url.QueryEscape(r.URL.RequestURI())
}

// notice is what was just done, by the word that the redirect after it carries.
func notice(word string) string {
	switch word {
	case "blocked":
		return "The block holds now."
	case "unblocked":
		return "The block is removed."
	case "edited":
		return "Saved."
	case "looked":
		return "From here on you see what is new."
	case "setup":
		return "Your account is ready. Welcome to Merlon."
	default:
		return ""
	}
}
