package acme

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/legacy"
)

var day = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

// call sends one request; auth is a header line "Name: value" or empty.
func call(t testing.TB, h http.Handler, method, path, auth, kind, body string) (*http.Request, *httptest.ResponseRecorder) {
	t.Helper()
	r := httptest.NewRequest(method, "https://api.acme.example"+path, strings.NewReader(body))
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if name, value, ok := strings.Cut(auth, ": "); ok {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return r, w
}

func field[T any](t testing.TB, w *httptest.ResponseRecorder, name string) T {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil {
		t.Fatalf("not JSON: %v: %s", err, w.Body)
	}
	v, ok := m[name].(T)
	if !ok {
		t.Fatalf("no %s in %s", name, w.Body)
	}
	return v
}

func bearer(t testing.TB, h *Hospital, l Login) string {
	t.Helper()
	_, w := call(t, h, "POST", "/v2/auth/login", "", "application/json", fmt.Sprintf(`{"username":%q,"password":%q}`, l.Username, l.Password))
	if w.Code != 200 {
		t.Fatalf("login: %d %s", w.Code, w.Body)
	}
	return "Authorization: Bearer " + field[string](t, w, "access_token")
}

// TestDescribedOperationsAnswerAsDescribed calls every described operation and has requests and answers validated by an outside
// implementation. Exactly the orphan may fail, and it must.
func TestDescribedOperationsAnswerAsDescribed(t *testing.T) {
	for _, alg := range []string{"HS256", "RS256"} {
		t.Run(alg, func(t *testing.T) { everyOperation(t, alg == "RS256") })
	}
}

func everyOperation(t *testing.T, rs bool) {
	c := &clock{day}
	h := New(Options{Seed: 7, Now: c.now, RS256: rs})
	doc, err := openapi3.NewLoader().LoadFromData(Description())
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		t.Fatal(err)
	}
	router, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	dir := h.Directory()
	me := dir.Patients[3]
	patient, staff, vendor := bearer(t, h, me), bearer(t, h, dir.Staff[0]), "X-Api-Key: "+dir.Vendors[0].Key
	rec := h.patient[me.PatientID].records[0].ID
	inv := h.invoices[5].ID
	_, w := call(t, h, "POST", "/v2/auth/login", "", "application/json", fmt.Sprintf(`{"username":%q,"password":%q}`, me.Username, me.Password))
	refresh := field[string](t, w, "refresh_token")
	_, w = call(t, h, "POST", "/v2/appointments", patient, "application/json", `{"department":"cardiology","starts_at":"2026-03-09T10:00:00Z","reason":"new symptoms"}`)
	visit := int(field[float64](t, w, "id"))
	_, w = call(t, h, "POST", "/v2/telehealth/sessions", patient, "application/json", `{"department":"cardiology"}`)
	talk := field[string](t, w, "id")
	var form bytes.Buffer
	mw := multipart.NewWriter(&form)
	_ = mw.WriteField("category", "referral")
	fw, _ := mw.CreateFormFile("file", "referral.pdf")
	_, _ = io.WriteString(fw, "%PDF-1.7 referral")
	_ = mw.Close()

	js := "application/json"
	pt := "/v2/patients/" + me.PatientID
	cases := map[string]struct {
		path, auth, kind, body string
		status                 int
	}{
		"getHealth":                {"/health", "", "", "", 200},
		"formLogin":                {"/login", "", "application/x-www-form-urlencoded", url.Values{"username": {dir.Staff[1].Username}, "password": {dir.Staff[1].Password}}.Encode(), 303},
		"login":                    {"/v2/auth/login", "", js, `{"username":"nobody@mail.example","password":"wrong"}`, 401},
		"refreshToken":             {"/v2/auth/refresh", "", js, `{"refresh_token":"` + refresh + `"}`, 200},
		"logout":                   {"/v2/auth/logout", patient, "", "", 204},
		"getMe":                    {"/v2/me", patient, "", "", 200},
		"listPatientsV1":           {"/v1/patients?page=2&per_page=5", vendor, "", "", 200},
		"getPatientV1":             {"/v1/patients/" + me.PatientID, vendor, "", "", 200},
		"listDepartments":          {"/v2/departments", "", "", "", 200},
		"getDepartment":            {"/v2/departments/internal-medicine", "", "", "", 200},
		"listPatientsForFrontDesk": {"/v2/internal/patients?q=B", "", "", "", 200},
		"listPatients":             {"/v2/patients?q=wa&sort=-family_name", staff, "", "", 200},
		"getPatient":               {pt, patient, "", "", 200},
		"updateContact":            {pt + "/contact", patient, js, `{"phone":"+49 30 1234567"}`, 200},
		"listRecords":              {pt + "/records", patient, "", "", 200},
		"getRecord":                {pt + "/records/" + rec, patient, "", "", 200},
		"listDocuments":            {pt + "/documents", patient, "", "", 200},
		"uploadDocument":           {pt + "/documents", patient, mw.FormDataContentType(), form.String(), 201},
		"listAppointments":         {"/v2/appointments?status=booked&from=2026-03-02", patient, "", "", 200},
		"createAppointment":        {"/v2/appointments", patient, js, `{"department":"radiology","starts_at":"2026-03-10T10:00:00Z","reason":"follow-up","minutes":30}`, 201},
		"getAppointment":           {fmt.Sprintf("/v2/appointments/%d", visit), patient, "", "", 200},
		"cancelAppointment":        {fmt.Sprintf("/v2/appointments/%d/cancel", visit), patient, "", "", 200},
		"listInvoices":             {"/v2/billing/invoices?status=open", vendor, "", "", 200},
		"exportInvoices":           {"/v2/billing/invoices/export", vendor, "", "", 200},
		"getInvoice":               {"/v2/billing/invoices/" + inv, vendor, "", "", 200},
		"getPrescription":          {"/v2/pharmacy/prescriptions/12", staff, "", "", 404},
		"openTelehealthSession":    {"/v2/telehealth/sessions", patient, js, `{"department":"oncology"}`, 201},
		"getTelehealthSession":     {"/v2/telehealth/sessions/" + talk, patient, "", "", 200},
		"listMessages":             {"/v2/telehealth/sessions/" + talk + "/messages", patient, "", "", 200},
		"postMessage":              {"/v2/telehealth/sessions/" + talk + "/messages", patient, js, `{"text":"Good morning"}`, 201},
		"joinLive":                 {"/v2/telehealth/sessions/" + talk + "/live", patient, "", "", 426},
	}
	options := &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true}
	seen := 0
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			tc, ok := cases[op.OperationID]
			if !ok {
				t.Errorf("%s %s is described but not tested", method, path)
				continue
			}
			seen++
			t.Run(op.OperationID, func(t *testing.T) {
				r, w := call(t, h, method, tc.path, tc.auth, tc.kind, tc.body)
				if w.Code != tc.status {
					t.Fatalf("status %d, want %d: %s", w.Code, tc.status, w.Body)
				}
				r.Body = io.NopCloser(strings.NewReader(tc.body))
				route, params, err := router.FindRoute(r)
				if err != nil {
					t.Fatal(err)
				}
				in := &openapi3filter.RequestValidationInput{Request: r, Route: route, PathParams: params, Options: options}
				if err := openapi3filter.ValidateRequest(context.Background(), in); err != nil {
					t.Error(err)
				}
				out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: w.Code, Header: w.Header(), Options: options}
				out.SetBodyBytes(w.Body.Bytes())
				if err := openapi3filter.ValidateResponse(context.Background(), out); err != nil {
					t.Error(err)
				}
			})
		}
	}
	if seen != len(cases) {
		t.Errorf("%d operations described, %d tested", seen, len(cases))
	}
}

// TestFaultsArePlanted proves each planted fault, and that what lies beside it is sound.
func TestFaultsArePlanted(t *testing.T) {
	c := &clock{day}
	h := New(Options{Seed: 7, Now: c.now, BillingWriteFrom: day.Add(time.Hour)})
	dir := h.Directory()
	vendor, victim := "X-Api-Key: "+dir.Vendors[0].Key, dir.Patients[9].PatientID
	rec := "/v2/patients/" + victim + "/records/" + h.patient[victim].records[0].ID
	inv := "/v2/billing/invoices/" + h.invoices[5].ID
	status := func(want int, method, path, auth, body string) *httptest.ResponseRecorder {
		t.Helper()
		kind := ""
		if body != "" {
			kind = "application/json"
		}
		_, w := call(t, h, method, path, auth, kind, body)
		if w.Code != want {
			t.Errorf("%s %s: %d, want %d: %s", method, path, w.Code, want, w.Body)
		}
		return w
	}
	status(405, "PUT", inv, vendor, `{"status":"paid"}`)
	c.t = day.Add(time.Hour)
	other := bearer(t, h, dir.Patients[3])
	status(200, "PUT", inv, vendor, `{"status":"paid","amount_cents":1}`)
	if w := status(200, "POST", inv, vendor, `{"adjustment_cents":41,"reason":"x"}`); field[float64](t, w, "amount_cents") != 42 {
		t.Errorf("the write was not kept: %s", w.Body)
	}
	status(401, "PUT", inv, "", `{"status":"paid"}`)
	status(403, "PUT", inv, other, `{"status":"paid"}`)
	if strings.Contains(string(Description()), "put:") {
		t.Error("the billing write must not be described")
	}
	status(200, "GET", rec, vendor, "")
	status(403, "GET", rec, other, "")
	status(401, "GET", rec, "", "")
	if w := status(200, "GET", "/v2/internal/patients", "", ""); !strings.Contains(w.Body.String(), `"ssn":"`) {
		t.Error("no ssn in the internal list")
	}
	if w := status(200, "GET", "/v1/patients", vendor, ""); w.Header().Get("Deprecation") == "" {
		t.Error("v1 does not say that it is deprecated")
	}
	status(404, "GET", "/v2/pharmacy/prescriptions/1", vendor, "")
}

func TestErrors(t *testing.T) {
	c := &clock{day}
	h := New(Options{Seed: 7, Now: c.now})
	me := h.Directory().Patients[0]
	auth := bearer(t, h, me)
	for _, tc := range []struct {
		name, method, path, auth, kind, body string
		status                               int
	}{
		{"unknown path", "GET", "/v3/patients", "", "", "", 404},
		{"wrong method", "DELETE", "/v2/departments", "", "", "", 405},
		{"no token", "GET", "/v2/me", "", "", "", 401},
		{"foreign signature", "GET", "/v2/me", auth[:len(auth)-4] + "AAAA", "", "", 401},
		{"algorithm none", "GET", "/v2/me", "Authorization: Bearer eyJhbGciOiJub25lIn0.e30.", "", "", 401},
		{"unknown key", "GET", "/v2/billing/invoices", "X-Api-Key: ak_live_0", "", "", 401},
		{"patient lists patients", "GET", "/v2/patients", auth, "", "", 403},
		{"somebody else", "GET", "/v2/patients/" + h.Directory().Patients[1].PatientID, auth, "", "", 403},
		{"bad page", "GET", "/v2/appointments?page=0", auth, "", "", 400},
		{"bad date", "GET", "/v2/appointments?from=yesterday", auth, "", "", 400},
		{"broken JSON", "POST", "/v2/appointments", auth, "application/json", "{", 400},
		{"two values", "POST", "/v2/telehealth/sessions", auth, "application/json", `{"department":"oncology"}{}`, 400},
		{"wrong type", "POST", "/v2/appointments", auth, "application/json", `{"minutes":"long"}`, 422},
		{"in the past", "POST", "/v2/appointments", auth, "application/json", `{"department":"oncology","starts_at":"2020-01-01T00:00:00Z","reason":"x"}`, 422},
		{"not JSON", "POST", "/v2/appointments", auth, "text/plain", "x", 415},
		{"unknown appointment", "GET", "/v2/appointments/1", auth, "", "", 404},
		{"unknown invoice", "GET", "/v2/billing/invoices/INV-2000-000000", auth, "", "", 404},
		{"too large", "POST", "/v2/appointments", auth, "application/json", `{"reason":"` + strings.Repeat("x", maxBody) + `"}`, 413},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, w := call(t, h, tc.method, tc.path, tc.auth, tc.kind, tc.body)
			if w.Code != tc.status || w.Header().Get("Content-Type") != "application/json" || !json.Valid(w.Body.Bytes()) {
				t.Errorf("%d %q, want %d: %s", w.Code, w.Header().Get("Content-Type"), tc.status, w.Body)
			}
		})
	}
	c.t = day.Add(accessLife)
	if _, w := call(t, h, "GET", "/v2/me", auth, "", ""); w.Code != 401 {
		t.Errorf("an expired token is taken: %d", w.Code)
	}
}

func TestFormLoginCookie(t *testing.T) {
	h := New(Options{Seed: 1, Now: func() time.Time { return day }})
	l := h.Directory().Staff[2]
	_, w := call(t, h, "POST", "/login", "", "application/x-www-form-urlencoded", url.Values{"username": {l.Username}, "password": {l.Password}}.Encode())
	cookie := "Cookie: " + strings.SplitN(w.Header().Get("Set-Cookie"), ";", 2)[0]
	if _, w := call(t, h, "GET", "/v2/patients", cookie, "", ""); w.Code != 200 {
		t.Fatalf("cookie not honoured: %d", w.Code)
	}
	call(t, h, "POST", "/v2/auth/logout", cookie, "", "")
	if _, w := call(t, h, "GET", "/v2/patients", cookie, "", ""); w.Code != 401 {
		t.Fatalf("cookie honoured after logout: %d", w.Code)
	}
}

func TestSameSeedSameHospital(t *testing.T) {
	a, b, c := DirectoryOf(5, 50), New(Options{Seed: 5, Patients: 50, Now: func() time.Time { return day }}).Directory(), DirectoryOf(6, 50)
	if fmt.Sprint(a) != fmt.Sprint(b) {
		t.Error("the directory depends on more than seed and size")
	}
	if fmt.Sprint(a) == fmt.Sprint(c) {
		t.Error("two seeds, one directory")
	}
}

func TestLiveTelehealthEchoes(t *testing.T) {
	h := New(Options{Seed: 7, Now: func() time.Time { return day }})
	auth := bearer(t, h, h.Directory().Patients[0])
	_, w := call(t, h, "POST", "/v2/telehealth/sessions", auth, "application/json", `{"department":"oncology"}`)
	srv := httptest.NewServer(h)
	defer srv.Close()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /v2/telehealth/sessions/%s/live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n\r\n", field[string](t, w, "id"), auth)
	br := bufio.NewReader(conn)
	res, err := http.ReadResponse(br, nil)
	if err != nil || res.StatusCode != 101 || res.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" { // the example of RFC 6455, 1.3
		t.Fatalf("%v %v", res, err)
	}
	for _, n := range []int{5, 300, 65536} {
		msg := bytes.Repeat([]byte("a"), n)
		frame := []byte{0x81, 0xFE, byte(n >> 8), byte(n), 0, 0, 0, 0}
		if n < 126 {
			frame = []byte{0x81, 0x80 | byte(n), 0, 0, 0, 0}
		} else if n > 0xFFFF {
			frame = []byte{0x81, 0xFF, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}
		}
		if _, err := conn.Write(append(frame, msg...)); err != nil {
			t.Fatal(err)
		}
		head := map[bool]int{true: 2, false: 4}[n < 126]
		if n > 0xFFFF {
			head = 10
		}
		got := make([]byte, head+n)
		if _, err := io.ReadFull(br, got); err != nil || !bytes.Equal(got[head:], msg) {
			t.Fatalf("echo of %d bytes: %v", n, err)
		}
	}
	_, _ = conn.Write([]byte{0x88, 0x80, 0, 0, 0, 0})
	if rest, err := io.ReadAll(br); err != nil || !bytes.Equal(rest, []byte{0x88, 0}) {
		t.Fatalf("close: %x %v", rest, err)
	}
}

// TestBounded checks that what callers create does not grow without end.
func TestBounded(t *testing.T) {
	h := New(Options{Seed: 7, Patients: 10, Now: func() time.Time { return day }})
	for range maxAppointments + 500 {
		h.addVisit(&appointment{PatientID: h.patients[3].ID})
	}
	r := newRing[int](3)
	for i := range 10 {
		r.put(fmt.Sprint(i), i)
	}
	if len(h.visits) != maxAppointments || len(h.visit) != maxAppointments || len(h.patients[3].visits) != maxAppointments || len(r.m) != 3 {
		t.Errorf("%d %d %d", len(h.visits), len(h.visit), len(r.m))
	}
	if _, ok := r.find("9"); !ok {
		t.Error("the newest is gone")
	}
}

func BenchmarkShowRecord(b *testing.B) {
	h := New(Options{Seed: 7, Now: func() time.Time { return day }})
	l := h.Directory().Patients[0]
	auth := bearer(b, h, l)
	b.ReportAllocs()
	for b.Loop() {
		call(b, h, "GET", "/v2/patients/"+l.PatientID+"/records", auth, "", "")
	}
}
