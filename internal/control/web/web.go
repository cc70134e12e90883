// Package web is the web UI, server-rendered.
//
// Every page works without JavaScript: forms are plain, lists are pages. The one script adds the live list of events and
// sends filters when they change. Text from traffic reaches a page only through templ, which escapes it.
package web

import (
	"bytes"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/a-h/templ"

	"merlon/internal/control/admin"
	"merlon/internal/model/account"
)

//go:embed assets
var assets embed.FS

// Options is everything the UI is made from.
type Options struct {
	Admin *admin.Admin
	Log   *slog.Logger
}

type server struct{ Options }

// Route is one page or form of the UI.
type Route struct {
	Method, Path string
	Needs        account.Permission

	handle func(*server, http.ResponseWriter, *http.Request, *page) error
}

// Routes is everything the UI answers, beside its assets.
func Routes() []Route {
	return []Route{
		{"GET", "/setup", account.Open, (*server).setupPage},
		{"POST", "/setup", account.Open, (*server).setUp},
		{"GET", "/sign-in", account.Open, (*server).signInPage},
		{"POST", "/sign-in", account.Open, (*server).signIn},
		{"POST", "/sign-out", account.SignedIn, (*server).signOut},
		{"GET", "/{$}", account.SeeStatus, (*server).overview},
		{"GET", "/inventory", account.SeeInventory, (*server).inventory},
		{"GET", "/inventory/{id}", account.SeeInventory, (*server).endpoint},
		{"POST", "/inventory/{id}", account.EditInventory, (*server).editEndpoint},
		{"GET", "/events", account.SeeEvents, (*server).events},
		{"GET", "/events/{id}", account.SeeEvents, (*server).event},
		{"GET", "/blocks", account.SeeStanding, (*server).blocks},
		{"POST", "/blocks", account.EditStanding, (*server).block},
		{"POST", "/blocks/{id}/remove", account.EditStanding, (*server).unblock},
	}
}

// New makes the handler of the UI.
func New(o Options) http.Handler {
	s := &server{o}
	mux := http.NewServeMux()
	for _, r := range Routes() {
		mux.HandleFunc(r.Method+" "+r.Path, s.guard(r))
	}
	files, err := fs.Sub(assets, "assets")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	mux.Handle("GET /assets/", http.StripPrefix("/assets/", cached(http.FileServerFS(files))))
	mux.HandleFunc("/", s.guard(Route{Needs: account.Open, handle: func(*server, http.ResponseWriter, *http.Request, *page) error { return admin.ErrNotFound }}))
	return mux
}

// cached lets a browser keep the assets for a while; they carry nothing of anybody.
func cached(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "private, max-age=300")
		next.ServeHTTP(w, r)
	})
}

// page is what every page needs to know.
type page struct {
	Title  string
	Active string // the entry of the navigation
	Caller admin.Caller
	CSRF   string
	Notice string // what was just done
	Error  string // why it was not
	Status admin.Status
}

var errProof = errors.New("this form is no longer valid: go back, reload the page and send it again")

// guard finds out who asks, sends who is not signed in to the door, and wants the proof of the cookie with every form.
func (s *server) guard(route Route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p := &page{Notice: notice(r.URL.Query().Get("done"))}
		err := s.enter(w, r, route, p)
		if err == nil {
			err = route.handle(s, w, r, p)
		}
		if err != nil {
			s.fail(w, r, p, err)
		}
	}
}

func (s *server) enter(w http.ResponseWriter, r *http.Request, route Route, p *page) (err error) {
	if p.Caller, err = s.Admin.Who(r); err != nil {
		return err
	}
	if p.CSRF, err = s.Admin.Proof(w, r); err != nil {
		return err
	}
	if err := p.Caller.Need(route.Needs); err != nil {
		return err
	}
	if p.Caller.May(account.SeeStatus) {
		if p.Status, err = s.Admin.Status(r.Context(), p.Caller); err != nil {
			return err
		}
	}
	if r.Method != http.MethodPost {
		return nil
	}
	if err := r.ParseForm(); err != nil {
		return &admin.InputError{Field: "form", Err: errors.New("it is too large or not well formed")}
	}
	if !p.Caller.Machine && !admin.Proved(r, r.PostForm.Get("csrf")) {
		return errProof
	}
	return nil
}

// show renders a page whole before anything is sent, so that an error is still an error.
func (s *server) show(w http.ResponseWriter, r *http.Request, status int, c templ.Component) error {
	var b bytes.Buffer
	if err := c.Render(r.Context(), &b); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w) // the reader has gone
	return nil
}

// fail shows an error as a page. Who is not signed in goes to the door, and comes back to where they wanted to go.
func (s *server) fail(w http.ResponseWriter, r *http.Request, p *page, err error) {
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
	case errors.Is(err, admin.ErrForbidden), errors.Is(err, errProof):
		status, text = http.StatusForbidden, sentence(err)
	case errors.Is(err, admin.ErrNotFound):
		status, text = http.StatusNotFound, "There is nothing here. It may have been removed, or merged into something else."
	case errors.As(err, &input):
		status, text = http.StatusBadRequest, sentence(err)
	case errors.As(err, &throttled):
		status, text = http.StatusTooManyRequests, sentence(err)
	default:
		s.Log.Error("page failed", "method", r.Method, "path", r.URL.Path, "cause", err)
		if full, ok := admin.DiskFull(err); ok {
			status, text = http.StatusInsufficientStorage, full
		}
	}
	p.Title = http.StatusText(status)
	if err := s.show(w, r, status, errorPage(p, text)); err != nil {
		http.Error(w, text, status)
	}
}

// door is where to sign in, with the way back.
func door(r *http.Request) string {
	if r.URL.Path == "/" && r.URL.RawQuery == "" {
		return "/sign-in"
	}
	return "/sign-in?next=" + url.QueryEscape(r.URL.RequestURI())
}

// within is where to go after signing in: a path of this UI, never another site's.
func within(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	return next
}

// sentence is an error as a sentence.
func sentence(err error) string {
	s := err.Error()
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
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
	case "setup":
		return "Your account is ready. Welcome to Merlon."
	default:
		return ""
	}
}
