package traffic

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// raid is one campaign under way.
type raid struct {
	*session
	a     Attack
	pool  []netip.Addr
	until time.Time
	left  int // requests on the present address
}

// step waits for the campaign's pace, changes the address now and then, and says whether to go on.
func (d *raid) step(perAddress int) bool {
	d.pause(time.Duration(float64(time.Second) / d.a.Rate))
	if d.left--; d.left < 0 {
		d.left = d.r.IntN(perAddress)
		d.move(d.pool[d.r.IntN(len(d.pool))])
	}
	return !d.drive.stopped() && d.drive.now().Before(d.until)
}

// attack runs a campaign.
func (c *crowd) attack(s *session, a Attack) {
	class := hosting
	if a.Kind == VendorBreach || a.Kind == Stuffing { // rented residential lines
		class = residential
	}
	d := &raid{session: s, a: a, until: s.drive.now().Add(a.For)}
	for range a.Addresses {
		d.pool = append(d.pool, c.nets.draw(s.r, class))
	}
	s.label = Label{Actor: "attacker-" + a.Campaign, Campaign: a.Campaign}
	switch a.Kind {
	case ScanLoud:
		c.scanLoud(d)
	case ScanCareful:
		c.scanCareful(d)
	case VendorBreach:
		c.breach(d)
	case Stuffing:
		c.stuff(d)
	}
}

// scanLoud walks the word list; nearly all of it is not found.
func (c *crowd) scanLoud(d *raid) {
	c.dial(d.session, &c.scanner, d.pool[0])
	d.label.Kind = "OAT-014"
	for i := 0; d.step(1 << 20); i++ {
		d.get(c.o.Wordlist[i%len(c.o.Wordlist)])
	}
}

// scanCareful looks like a person and mostly asks for what is there: public pages, the forgotten version, the open internal list. One
// request in six is a guess.
func (c *crowd) scanCareful(d *raid) {
	c.dial(d.session, &c.browsers[0], d.pool[0])
	d.label.Kind = "OAT-018"
	for i := 0; d.step(40); i++ {
		switch {
		case i%6 == 5:
			d.get(c.o.Wordlist[d.r.IntN(len(c.o.Wordlist))])
		case i%3 == 0:
			d.get("/v2/departments/" + c.department(d.session))
		case i%3 == 1:
			d.get(fmt.Sprintf("/v2/internal/patients?page=%d", 1+i/6))
		default:
			d.get("/health")
		}
	}
}

// breach is the story: with the billing house's key it looks around, writes invoices through the undocumented operation, and then
// walks the patients' records one object at a time. Every few requests come from another address.
func (c *crowd) breach(d *raid) {
	c.dial(d.session, &c.python, d.pool[0])
	d.key = c.o.Directory.Vendors[0].Key
	d.label.Kind = "API5:2023"
	var invoices, patients []string
	seen := map[string]bool{}
	for page := 1; page <= 8 && d.step(3); page++ {
		r := d.get(fmt.Sprintf("/v2/billing/invoices?page=%d&per_page=100", page))
		invoices = append(invoices, r.all("id")...)
		for _, p := range r.all("patient_id") {
			if !seen[p] {
				seen[p], patients = true, append(patients, p)
			}
		}
		if len(r.all("id")) < 100 {
			break
		}
	}
	for i, id := range invoices {
		if i >= 60 || !d.step(2) {
			break
		}
		if i%3 == 2 {
			d.send("POST", "/v2/billing/invoices/"+id, fmt.Sprintf(`{"adjustment_cents":-%d,"reason":"goodwill"}`, 500+d.r.IntN(3000)))
		} else {
			d.send("PUT", "/v2/billing/invoices/"+id, `{"status":"paid","iban":"DE68999999990123456789"}`)
		}
	}
	d.label.Kind = "API1:2023"
	for _, p := range patients {
		if !d.step(3) {
			return
		}
		for _, id := range d.get("/v2/patients/" + p + "/records").all("id") {
			if !d.step(3) {
				return
			}
			d.get("/v2/patients/" + p + "/records/" + id)
		}
	}
}

// stuff tries stolen names and passwords; one in fifty is right.
func (c *crowd) stuff(d *raid) {
	c.dial(d.session, &c.browsers[3], d.pool[0])
	d.label.Kind = "OAT-008"
	people := c.o.Directory.Patients
	for i := 0; d.step(3); i++ {
		p := people[d.r.IntN(len(people))]
		name, password := fmt.Sprintf("user%05d@mail.example", d.r.IntN(1e5)), "Summer2025!"
		switch {
		case i%50 == 49:
			name, password = p.Username, p.Password
		case i%5 == 0:
			name = p.Username
		}
		d.send("POST", "/v2/auth/login", fmt.Sprintf(`{"username":%q,"password":%q}`, name, password))
	}
}

// builtinWords is the scanners' list when no other is given.
func builtinWords() []string {
	return strings.Fields(`/.env /.git/config /.git/HEAD /admin /admin/login /api /api/v1 /api/v1/users /api/v2/users /api/v3/users /api/admin
/api/debug /api/docs /api/health /api/internal /api/keys /api/swagger.json /api/users /api/users/1 /api/users/2 /api-docs /actuator
/actuator/env /actuator/health /actuator/heapdump /backup.zip /config.json /console /debug/pprof /debug/vars /docs /graphql /graphiql
/health /healthz /internal /login.php /metrics /openapi.json /openapi.yaml /phpinfo.php /phpmyadmin /private /robots.txt /server-status
/status /swagger /swagger-ui.html /swagger.json /swagger/v1/swagger.json /v1 /v1/admin /v1/billing /v1/invoices /v1/login /v1/users /v2
/v2/admin /v2/api-docs /v2/billing /v2/invoices /v2/patients /v2/users /v3/api-docs /wp-admin /wp-json/wp/v2/users /wp-login.php`)
}
