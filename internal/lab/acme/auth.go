package acme

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// How long tokens live. Short enough that a mobile session must refresh.
const (
	accessLife  = 30 * time.Minute
	refreshLife = 30 * 24 * time.Hour
)

// account is somebody who may call.
type account struct {
	subject  string
	password string
	name     string
	role     role
	patient  *patient // of a patient's account
}

// grant is the answer of login and refresh.
type grant struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
	RefreshToken string `json:"refresh_token"`
	PatientID    string `json:"patient_id,omitempty"`
}

// authenticate accepts a bearer token, a vendor's key, or the cookie that the form login sets.
func (h *Hospital) authenticate(r *http.Request) (*account, bool) {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		c, ok := h.verify(token)
		if !ok || c.Use != "access" {
			return nil, false
		}
		a, ok := h.byLogin[c.Subject]
		return a, ok
	}
	if key := r.Header.Get("X-Api-Key"); key != "" {
		a, ok := h.byKey[key]
		return a, ok
	}
	if c, err := r.Cookie(cookieName); err == nil {
		h.mu.RLock()
		defer h.mu.RUnlock()
		return h.cookies.find(c.Value)
	}
	return nil, false
}

const cookieName = "acme_sid"

// check compares a password; an unknown name costs the same comparison.
func (h *Hospital) check(name, password string) (*account, bool) {
	a, known := h.byLogin[name]
	want := "\x00"
	if known {
		want = a.password
	}
	return a, subtle.ConstantTimeCompare([]byte(want), []byte(password)) == 1 && known
}

func (h *Hospital) login(w http.ResponseWriter, r *http.Request, _ *account) {
	var in struct {
		Username string `json:"username"`
		Password string `json:"password"`
	}
	if !decode(w, r, &in) {
		return
	}
	if in.Username == "" || in.Password == "" {
		failField(w, http.StatusUnprocessableEntity, "invalid", "username and password are needed", "username")
		return
	}
	a, ok := h.check(in.Username, in.Password)
	if !ok {
		fail(w, http.StatusUnauthorized, "bad_credentials", "user name or password is wrong")
		return
	}
	reply(w, http.StatusOK, h.grant(a))
}

func (h *Hospital) grant(a *account) grant {
	g := grant{
		TokenType: "Bearer", ExpiresIn: int(accessLife / time.Second),
		AccessToken: h.issue(a, "access", accessLife), RefreshToken: h.issue(a, "refresh", refreshLife),
	}
	if a.patient != nil {
		g.PatientID = a.patient.ID
	}
	return g
}

func (h *Hospital) refresh(w http.ResponseWriter, r *http.Request, _ *account) {
	var in struct {
		RefreshToken string `json:"refresh_token"`
	}
	if !decode(w, r, &in) {
		return
	}
	c, ok := h.verify(in.RefreshToken)
	if !ok || c.Use != "refresh" {
		fail(w, http.StatusUnauthorized, "bad_token", "the refresh token is not valid")
		return
	}
	reply(w, http.StatusOK, h.grant(h.byLogin[c.Subject]))
}

func (h *Hospital) logout(w http.ResponseWriter, r *http.Request, _ *account) {
	if c, err := r.Cookie(cookieName); err == nil {
		h.mu.Lock()
		h.cookies.drop(c.Value)
		h.mu.Unlock()
	}
	w.WriteHeader(http.StatusNoContent)
}

// formLogin is the clinic desktop's way in: a form, a redirect and a cookie.
func (h *Hospital) formLogin(w http.ResponseWriter, r *http.Request, _ *account) {
	if mt, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); mt != "application/x-www-form-urlencoded" {
		fail(w, http.StatusUnsupportedMediaType, "unsupported_media_type", "send a form")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 1<<14)
	if r.ParseForm() != nil {
		fail(w, http.StatusBadRequest, "malformed", "the form cannot be read")
		return
	}
	a, ok := h.check(r.PostForm.Get("username"), r.PostForm.Get("password"))
	if !ok {
		fail(w, http.StatusUnauthorized, "bad_credentials", "user name or password is wrong")
		return
	}
	h.mu.Lock()
	sid := h.number("sid")
	h.cookies.put(sid, a)
	h.mu.Unlock()
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: sid, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	w.Header().Set("Location", "/")
	w.WriteHeader(http.StatusSeeOther)
}

func (h *Hospital) me(w http.ResponseWriter, _ *http.Request, who *account) {
	out := struct {
		Username  string `json:"username"`
		Name      string `json:"name"`
		Role      string `json:"role"`
		PatientID string `json:"patient_id,omitempty"`
	}{who.subject, who.name, roleName(who.role), ""}
	if who.patient != nil {
		out.PatientID = who.patient.ID
	}
	reply(w, http.StatusOK, out)
}

func roleName(r role) string {
	switch r {
	case isStaff:
		return "staff"
	case isVendor:
		return "vendor"
	default:
		return "patient"
	}
}

// number makes the next unguessable id of a kind. The caller holds mu.
func (h *Hospital) number(kind string) string {
	h.counter++
	m := hmac.New(sha256.New, h.secret)
	m.Write([]byte(kind))
	m.Write(strconv.AppendUint(nil, h.counter, 10))
	return hex.EncodeToString(m.Sum(nil)[:16])
}

// derive makes key material of a purpose from the seed.
func derive(seed uint64, purpose string) []byte {
	s := sha256.Sum256(append([]byte(purpose+"/"), strconv.FormatUint(seed, 10)...))
	return s[:]
}

// mustJSON encodes a value of ours.
func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
