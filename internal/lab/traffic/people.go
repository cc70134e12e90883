package traffic

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// crowd is the population: who they are, what they use and where they live. It follows from the seed, so that somebody who comes back
// comes back as the same client.
type crowd struct {
	o        *Options
	nets     *networks
	browsers []software
	phones   []software
	java     software
	golang   software
	python   software
	probe    software
	crawler  software
	scanner  software
	vendorAt []netip.Addr // of the billing house, then of the insurer
	clinicAt []netip.Addr // the clinic's desks leave by few addresses
}

func newCrowd(o *Options) *crowd {
	r := rand.New(rand.NewPCG(o.Seed, 11))
	c := &crowd{
		o: o, nets: newNetworks(),
		browsers: []software{chrome("134", "Windows"), chrome("134", "Windows"), chrome("133", "macOS"), firefox("136.0"), safari()},
		phones:   []software{okhttp(), cfnetwork()},
		java:     javaClient(), golang: goClient("insureline-sync/3.2"), python: pythonRequests("python-requests/2.32.3"),
		probe: goClient("Blackbox-Exporter/0.26.0"), crawler: googlebot(), scanner: ffuf(),
	}
	for range 4 {
		c.vendorAt = append(c.vendorAt, c.nets.draw(r, hosting))
	}
	for range 3 {
		c.clinicAt = append(c.clinicAt, c.nets.draw(r, clinic))
	}
	return c
}

// dial readies a session for a program at an address.
func (c *crowd) dial(s *session, sw *software, a netip.Addr) {
	s.soft, s.host, s.site, s.plain = sw, c.o.Host, c.o.Site, c.o.Plain
	s.move(a)
}

// person readies a session for patient n: always the same device and home line.
func (c *crowd) person(s *session, n int, phone bool) {
	r := rand.New(rand.NewPCG(c.o.Seed^0x9E3779B97F4A7C15, uint64(n)))
	home, sw := c.nets.draw(r, residential), &c.browsers[r.IntN(len(c.browsers))]
	handset, away := &c.phones[r.IntN(len(c.phones))], c.nets.draw(r, mobile)
	if phone {
		sw = handset
		if s.chance(0.5) {
			home = away
		}
	}
	c.dial(s, sw, home)
	s.login = c.o.Directory.Patients[n]
	s.label = Label{Actor: "patient-" + strconv.Itoa(n), Kind: Benign}
}

// enter logs a session in by JSON; a person mistypes now and then.
func (s *session) enter() bool {
	form := func(password string) string {
		return fmt.Sprintf(`{"username":%q,"password":%q}`, s.login.Username, password)
	}
	if s.chance(0.05) {
		s.send("POST", "/v2/auth/login", form(strings.ToUpper(s.login.Password[:3])+s.login.Password[3:]))
		s.think(6 * time.Second)
	}
	r := s.send("POST", "/v2/auth/login", form(s.login.Password))
	s.bearer, s.refresh, s.patient = r.str("access_token"), r.str("refresh_token"), r.str("patient_id")
	return r.ok()
}

// browse is a patient's visit to the portal.
func (c *crowd) browse(s *session) {
	c.person(s, popular(s.r, len(c.o.Directory.Patients)), false)
	s.think(2 * time.Second)
	if !s.enter() {
		return
	}
	s.get("/v2/me")
	s.get("/v2/patients/" + s.patient)
	visits := s.get("/v2/appointments?status=booked&per_page=10").all("id")
	for range 1 + s.r.IntN(4) {
		s.think(12 * time.Second)
		switch s.r.IntN(10) {
		case 0, 1, 2:
			s.readRecords()
		case 3, 4:
			s.book(visits)
		case 5, 6:
			s.payBills()
		case 7:
			s.consult(true)
		case 8:
			s.attach()
		default:
			s.send("PATCH", "/v2/patients/"+s.patient+"/contact", fmt.Sprintf(`{"phone":"+49 30 %07d"}`, 1000000+s.r.IntN(8999999)))
		}
	}
	if s.chance(0.4) {
		s.send("POST", "/v2/auth/logout", "")
	}
}

// app is a visit by the mobile application, which stays logged in and refreshes its token.
func (c *crowd) app(s *session) {
	c.person(s, popular(s.r, len(c.o.Directory.Patients)), true)
	if !s.enter() {
		return
	}
	visits := s.get("/v2/appointments?status=booked").all("id")
	for range 1 + s.r.IntN(3) {
		s.think(8 * time.Second)
		switch s.r.IntN(6) {
		case 0, 1:
			s.readRecords()
		case 2:
			s.consult(false)
		case 3:
			s.payBills()
		case 4:
			s.book(visits)
		default:
			s.get("/v2/departments/" + c.department(s))
		}
	}
	if s.chance(0.3) { // opened again later, with the token expired
		s.think(35 * time.Minute)
		if r := s.get("/v2/appointments?status=booked"); r.status == 401 {
			r = s.send("POST", "/v2/auth/refresh", `{"refresh_token":"`+s.refresh+`"}`)
			s.bearer, s.refresh = r.str("access_token"), r.str("refresh_token")
			s.get("/v2/appointments?status=booked")
		}
	}
}

func (s *session) readRecords() {
	ids := s.get("/v2/patients/" + s.patient + "/records").all("id")
	for range min(1+s.r.IntN(3), len(ids)) {
		s.think(7 * time.Second)
		s.get("/v2/patients/" + s.patient + "/records/" + ids[popular(s.r, len(ids))])
	}
}

func (s *session) payBills() {
	ids := s.get("/v2/billing/invoices?status=open").all("id")
	if len(ids) > 0 {
		s.think(5 * time.Second)
		s.get("/v2/billing/invoices/" + ids[s.r.IntN(len(ids))])
	}
}

// book makes an appointment and at times cancels an older one.
func (s *session) book(visits []string) {
	s.get("/v2/departments")
	s.think(15 * time.Second)
	slugs := departmentNames()
	at := s.drive.now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 2+s.r.IntN(20)).Add(time.Duration(32+s.r.IntN(36)) * 15 * time.Minute)
	r := s.send("POST", "/v2/appointments", fmt.Sprintf(`{"department":%q,"starts_at":%q,"minutes":%d,"reason":%q}`, slugs[popular(s.r, len(slugs))],
		at.Format(time.RFC3339), 15*(1+s.r.IntN(2)), reasons()[s.r.IntN(len(reasons()))]))
	if r.ok() && s.chance(0.4) {
		s.get("/v2/appointments/" + r.all("id")[0])
	}
	if len(visits) > 0 && s.chance(0.3) {
		s.think(9 * time.Second)
		s.send("POST", "/v2/appointments/"+visits[0]+"/cancel", "")
	}
}

// consult is a telehealth session, by messages or (browsers) live.
func (s *session) consult(live bool) {
	slugs := departmentNames()
	id := s.send("POST", "/v2/telehealth/sessions", `{"department":"`+slugs[popular(s.r, len(slugs))]+`"}`).str("id")
	if id == "" {
		return
	}
	target := "/v2/telehealth/sessions/" + id
	s.get(target)
	if live && s.chance(0.5) {
		s.do(call{method: "GET", target: target + "/live", upgrade: true})
		return
	}
	texts := messages()
	for range 1 + s.r.IntN(4) {
		s.think(20 * time.Second)
		s.send("POST", target+"/messages", `{"text":"`+texts[s.r.IntN(len(texts))]+`"}`)
		s.get(target + "/messages")
	}
}

// attach uploads a document.
func (s *session) attach() {
	s.get("/v2/patients/" + s.patient + "/documents")
	s.think(15 * time.Second)
	boundary := fmt.Sprintf("----WebKitFormBoundary%016X", s.r.Uint64())
	body := "--" + boundary + "\r\nContent-Disposition: form-data; name=\"category\"\r\n\r\nreferral\r\n--" + boundary +
		"\r\nContent-Disposition: form-data; name=\"file\"; filename=\"referral.pdf\"\r\nContent-Type: application/pdf\r\n\r\n%PDF-1.7\n" +
		strings.Repeat("0000000000 65535 f\n", 8+s.r.IntN(24)) + "%%EOF\n\r\n--" + boundary + "--\r\n"
	s.do(call{method: "POST", target: "/v2/patients/" + s.patient + "/documents", kind: "multipart/form-data; boundary=" + boundary, body: body})
}

func (c *crowd) department(s *session) string {
	slugs := departmentNames()
	return slugs[popular(s.r, len(slugs))]
}

// departmentNames are the departments people ask for, most wanted first.
func departmentNames() [8]string {
	return [8]string{"internal-medicine", "cardiology", "orthopaedics", "dermatology", "paediatrics", "gynaecology", "neurology", "radiology"}
}

func reasons() []string {
	return []string{"annual check-up", "follow-up", "new symptoms", "prescription renewal", "second opinion", "test results", "vaccination"}
}

func messages() []string {
	return []string{
		"Good morning, doctor.", "The pain is better since Tuesday; I can't climb stairs yet.", "Is 5 mg/day right, or should I take half?",
		"I've uploaded the referral.", "My sister's phone is 030 5551234 if you can't reach me.", "Thank you -- see you next week!",
	}
}
