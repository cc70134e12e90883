package scenario

import (
	"context"
	"time"

	"merlon/internal/lab/acme"
	"merlon/internal/lab/traffic"
	"merlon/internal/model/description"
)

// monday is when every scenario begins.
func monday() time.Time { return time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC) }

const (
	acmeHost = "api.acme.example"
	acmeSeed = 42
)

// hospital is Acme Hospital's traffic.
type hospital struct {
	from, to time.Time
	rate     float64
	mix      traffic.Mix
	attacks  []traffic.Attack
	words    []string
	// billingFrom is when the undocumented billing write begins to answer.
	billingFrom time.Time
	// in wraps the hospital, when given.
	in func(*acme.Hospital) handler
}

// entries makes the traffic.
func (h hospital) entries(ctx context.Context) (out []traffic.Entry, err error) {
	clock := traffic.NewClock(h.from)
	api := acme.New(acme.Options{Seed: acmeSeed, Patients: 150, Now: clock.Now, BillingWriteFrom: h.billingFrom})
	o := traffic.Options{
		Seed: acmeSeed, Start: h.from, End: h.to, Rate: h.rate, Site: site, Host: acmeHost, Mix: h.mix, Attacks: h.attacks,
		Directory: api.Directory(), Clock: clock, Wordlist: h.words,
	}
	var by handler = api
	if h.in != nil {
		by = h.in(api)
	}
	err = traffic.Generate(ctx, o, by, func(e traffic.Entry) error {
		out = append(out, e)
		return nil
	})
	return out, err
}

// acmeDescription is the contract as Acme's developers hand it out.
func acmeDescription() []*description.Description {
	d, err := description.ParseOpenAPI("acme-openapi.yaml", acme.Description())
	if err != nil {
		panic(err) // the document is embedded; its own test parses it
	}
	return []*description.Description{d}
}
