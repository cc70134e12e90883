package traffic

import (
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// desk is a shift's hour at a clinic desktop: form login, cookie, search, chart, booking. One desk in four still uses version 1.
func (c *crowd) desk(s *session) {
	n := s.r.IntN(len(c.o.Directory.Staff))
	c.dial(s, &c.browsers[n%2], c.clinicAt[n%len(c.clinicAt)])
	s.label = Label{Actor: "staff-" + strconv.Itoa(n), Kind: Benign}
	l := c.o.Directory.Staff[n]
	r := s.do(call{
		method: "POST", target: "/login", kind: "application/x-www-form-urlencoded",
		body: url.Values{"username": {l.Username}, "password": {l.Password}}.Encode(),
	})
	if r.status != 303 {
		return
	}
	s.cookie = r.cookie
	for range 2 + s.r.IntN(5) {
		s.think(40 * time.Second)
		letter := string(rune('A' + popular(s.r, 26)))
		var found reply
		switch {
		case n%4 == 0:
			found = s.get("/v1/patients?name=" + letter)
		case s.chance(0.25):
			found = s.get("/v2/internal/patients?q=" + letter)
		default:
			found = s.get(fmt.Sprintf("/v2/patients?q=%s&sort=family_name&page=%d", letter, 1+popular(s.r, 2)))
		}
		ids := append(found.all("id"), found.all("patientId")...)
		if len(ids) == 0 {
			continue
		}
		id := ids[popular(s.r, len(ids))]
		s.think(5 * time.Second)
		if n%4 == 0 {
			s.get("/v1/patients/" + id)
			continue
		}
		s.patient = id
		s.get("/v2/patients/" + id)
		switch s.r.IntN(4) {
		case 0, 1:
			s.readRecords()
		case 2:
			s.get("/v2/appointments?from=" + s.drive.now().UTC().Format(time.DateOnly) + "&department=" + c.department(s))
		default:
			s.get("/v2/patients/" + id + "/documents")
		}
	}
}

// nightly is the billing house's batch: open invoices page by page, then each one. It reads; it never writes.
func (c *crowd) nightly(s *session) {
	c.dial(s, &c.java, c.vendorAt[s.r.IntN(2)])
	v := c.o.Directory.Vendors[0]
	s.key, s.label = v.Key, Label{Actor: "vendor-" + v.Name, Kind: Benign}
	for page := 1; page <= 4; page++ {
		ids := s.get(fmt.Sprintf("/v2/billing/invoices?status=open&page=%d&per_page=50", page)).all("id")
		for _, id := range ids {
			s.pause(150 * time.Millisecond)
			s.get("/v2/billing/invoices/" + id)
		}
		if len(ids) < 50 {
			break
		}
	}
	s.get("/v2/billing/invoices/export")
}

// legacy is the insurer's nightly synchronisation, still on version 1.
func (c *crowd) legacy(s *session) {
	c.dial(s, &c.golang, c.vendorAt[2])
	v := c.o.Directory.Vendors[1]
	s.key, s.label = v.Key, Label{Actor: "vendor-" + v.Name, Kind: Benign}
	for page := 1; page <= 3; page++ {
		for _, id := range s.get(fmt.Sprintf("/v1/patients?page=%d&per_page=25", page)).all("patientId") {
			s.pause(200 * time.Millisecond)
			s.get("/v1/patients/" + id)
		}
	}
}

// poll is the research integrator's script: every hour, booked appointments, and some of them in detail.
func (c *crowd) poll(s *session) {
	c.dial(s, &c.python, c.vendorAt[3])
	v := c.o.Directory.Vendors[2]
	s.key, s.label = v.Key, Label{Actor: "vendor-" + v.Name, Kind: Benign}
	ids := s.get("/v2/appointments?status=booked&per_page=100").all("id")
	for i := range min(5, len(ids)) {
		s.pause(time.Second)
		s.get("/v2/appointments/" + ids[(i*17)%len(ids)])
	}
}

// watch is the monitoring probe.
func (c *crowd) watch(s *session) {
	c.dial(s, &c.probe, c.vendorAt[1])
	s.label = Label{Actor: "probe", Kind: Benign}
	s.get("/health")
}

// crawl is a well-behaved crawler: robots first, then what robots allows.
func (c *crowd) crawl(s *session) {
	c.dial(s, &c.crawler, c.nets.draw(s.r, crawling))
	s.label = Label{Actor: "crawler", Kind: Benign}
	s.get("/robots.txt")
	s.pause(3 * time.Second)
	s.get("/")
	for id := range uint64(4) {
		s.pause(10 * time.Second)
		s.get("/v2/departments/" + departmentName(id))
	}
}
