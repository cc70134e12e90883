package admin

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"merlon/internal/config"
)

// Surface is what Handler is made from.
type Surface struct {
	Config config.Admin
	// API answers /v1/, /metrics, /healthz and /readyz; Web everything else.
	API, Web http.Handler
	// TLS: the listener speaks TLS. Nothing builds one yet.
	TLS bool
	Log *slog.Logger
}

// ErrInsecure: the surface would send passwords over a network in the clear.
var ErrInsecure = errors.New("an admin address other than loopback needs TLS: use 127.0.0.1, put a proxy with TLS before it, or set admin.allow_insecure: true")

// Policy is the Content-Security-Policy of every page, without exceptions: no inline script or style, nothing foreign.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// MaxBody bounds what one request may send, in bytes.
const MaxBody = 64 << 10

// Handler is the whole admin surface behind its guards: Host allow-list, cross-origin refusal, body limit, headers, and
// a panic that costs one answer. It refuses to be made for an address that would not be safe.
func Handler(s Surface) (http.Handler, error) {
	host, _, err := net.SplitHostPort(s.Config.Address)
	if err != nil {
		return nil, fmt.Errorf("admin.address: %w", err)
	}
	if !s.TLS && !s.Config.AllowInsecure && !loopback(host) {
		return nil, ErrInsecure
	}
	mux := http.NewServeMux()
	for _, p := range []string{"/v1/", "/metrics", "/healthz", "/readyz"} {
		mux.Handle(p, s.API)
	}
	mux.Handle("/", s.Web)
	var h http.Handler = mux
	h = http.NewCrossOriginProtection().Handler(h) // by Sec-Fetch-Site, else Origin: beside the tokens of forms
	h = limitBody(h)
	h = allowHosts(h, append([]string{host}, s.Config.Hosts...))
	h = secure(h, s.TLS)
	return recovered(h, s.Log), nil
}

// Server is an http.Server with time-outs fit for people: only a live list may last.
func Server(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}

// allowHosts answers only under names it knows, so that a foreign page whose name was made to point here (DNS rebinding)
// cannot read it. Loopback names and addresses are always among them: a foreign page cannot have them.
func allowHosts(next http.Handler, names []string) http.Handler {
	for i, n := range names {
		names[i] = strings.ToLower(n)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
		ip, err := netip.ParseAddr(host)
		unspecified := err == nil && ip.IsUnspecified()
		if host == "" || unspecified || !loopback(host) && !slices.Contains(names, host) {
			http.Error(w, "This name is not one of Merlon's. Open it by its address, or add the name to admin.hosts.", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func limitBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
		next.ServeHTTP(w, r)
	})
}

func secure(next http.Handler, tls bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", Policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=(), publickey-credentials-create=(self), publickey-credentials-get=(self)")
		h.Set("Cache-Control", "no-store")
		if tls {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

func recovered(next http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler { //nolint:errorlint // the very value, as net/http compares it
				panic(v)
			}
			log.Error("admin surface panicked", "path", r.URL.Path, "cause", fmt.Sprint(v), "stack", string(debug.Stack()))
			http.Error(w, "Something went wrong here; the log says what.", http.StatusInternalServerError)
		}()
		next.ServeHTTP(w, r)
	})
}

// ClientAddress is the peer's address without port. Nothing in the request may say otherwise.
func ClientAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
