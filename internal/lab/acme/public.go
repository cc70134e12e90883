package acme

import (
	"io"
	"net/http"
	"strconv"
	"strings"
)

type department struct {
	Slug  string `json:"slug"`
	Name  string `json:"name"`
	Floor int    `json:"floor"`
	Phone string `json:"phone"`
}

func departmentNamed(slug string) (department, bool) {
	n := 0
	for line := range strings.SplitSeq(departmentTable, "\n") {
		f := strings.Split(line, "|")
		if f[0] == slug {
			floor, _ := strconv.Atoi(f[2]) // the table is ours
			return department{f[0], f[1], floor, "+49 30 555" + strconv.Itoa(1000+n*11)}, true
		}
		n++
	}
	return department{}, false
}

func (h *Hospital) departments(w http.ResponseWriter, _ *http.Request, _ *account) {
	out := []department{}
	for _, slug := range h.slugs() {
		d, _ := departmentNamed(slug)
		out = append(out, d)
	}
	reply(w, http.StatusOK, page[department]{out, 1, len(out), len(out)})
}

func (h *Hospital) department(w http.ResponseWriter, r *http.Request, _ *account) {
	d, ok := departmentNamed(r.PathValue("slug"))
	if !ok {
		fail(w, http.StatusNotFound, "not_found", "no such department")
		return
	}
	reply(w, http.StatusOK, d)
}

func (h *Hospital) health(w http.ResponseWriter, _ *http.Request, _ *account) {
	reply(w, http.StatusOK, struct {
		Status  string `json:"status"`
		Version string `json:"version"`
	}{"ok", "2.14.3"})
}

func (h *Hospital) home(w http.ResponseWriter, _ *http.Request, _ *account) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, "<!doctype html><html lang=en><title>Acme Hospital</title><h1>Acme Hospital</h1><p>Find a <a href=/v2/departments>department</a>.</html>\n")
}

func (h *Hospital) robots(w http.ResponseWriter, _ *http.Request, _ *account) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "User-agent: *\nAllow: /v2/departments\nDisallow: /v2/patients\nDisallow: /v2/internal/\n")
}
