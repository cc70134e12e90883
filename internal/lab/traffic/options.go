package traffic

import (
	"errors"
	"fmt"
	"time"

	"merlon/internal/lab/acme"
)

// Options say what traffic is made. The same options make the same traffic.
type Options struct {
	Seed       uint64
	Start, End time.Time // Generate only; Live starts at its clock's time and ends with its context
	// Rate is the mean number of exchanges a second of the people in Mix over a week; programs and attackers come on top, at their own
	// pace. At most MaxRate.
	Rate float64
	// Site and Host are written into every entry; Host defaults to api.acme.example.
	Site, Host string
	Mix        Mix // DefaultMix when zero
	Attacks    []Attack
	Directory  acme.Directory // who may log in: acme.Hospital.Directory, or acme.DirectoryOf
	// Clock is moved along by Generate. Hand its Now to the handler, so that tokens and time stamps are those of event time.
	Clock *Clock
	// Plain leaves TLS and HTTP/2 out of the clients (HTTP/1.1, no JA4), so that past days look like what Live sends.
	Plain bool
	// Wordlist feeds the scanners; a small built-in list when empty. See ReadWordlist.
	Wordlist []string

	flat bool // no season
}

// Mix weighs the people and says which programs call. Weights are shares of exchanges.
type Mix struct {
	Browser, Mobile, Staff float64
	// Programs, each at its own times: Vendors read at night in batches, Integrator polls appointments every hour, Probe asks for health
	// every two minutes, Crawler comes twice a day.
	Vendors, Integrator, Probe, Crawler bool
	// BatchEvery is the time between two batches of a vendor: a day (at about 02:10 UTC) when zero.
	BatchEvery time.Duration
}

// DefaultMix is an ordinary hospital.
func DefaultMix() Mix {
	return Mix{Browser: 0.4, Mobile: 0.35, Staff: 0.25, Vendors: true, Integrator: true, Probe: true, Crawler: true}
}

// Attack is one campaign.
type Attack struct {
	Kind AttackKind
	// At is when it begins: at once when zero, never when it lies before the drive's start.
	At  time.Time
	For time.Duration // 30 minutes when zero; the campaign also ends when it has all it came for
	// Addresses is the number of client addresses that it uses; a default of its kind when zero, at most 5,000.
	Addresses int
	// Rate is the mean number of requests a second; a default of its kind when zero.
	Rate     float64
	Campaign string // label; the kind's name when empty
}

// AttackKind names a campaign.
type AttackKind string

// The campaigns.
const (
	ScanLoud     AttackKind = "scan-loud"     // OAT-014: a word list at speed from one address
	ScanCareful  AttackKind = "scan-careful"  // OAT-018: a browser's looks, few errors, low and slow
	VendorBreach AttackKind = "vendor-breach" // API5:2023 undocumented billing writes with the vendor's key, then API1:2023 record walk
	Stuffing     AttackKind = "stuffing"      // OAT-008: stolen passwords tried from many addresses
)

// MaxRate bounds Rate; beyond it one measures the generator.
const MaxRate = 10_000

// ErrOptions marks options that cannot work; all mistakes are named in one error.
var ErrOptions = errors.New("traffic options")

// check fills defaults and lists every mistake.
func (o *Options) check(event bool) error {
	if o.Host == "" {
		o.Host = "api.acme.example"
	}
	if o.Mix == (Mix{}) {
		o.Mix = DefaultMix()
	}
	if len(o.Wordlist) == 0 {
		o.Wordlist = builtinWords()
	}
	var errs []error
	bad := func(format string, a ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrOptions}, a...)...))
	}
	if o.Rate < 0 || o.Rate > MaxRate {
		bad("Rate is %g, must be 0 to %d a second", o.Rate, MaxRate)
	}
	if o.Mix.Browser < 0 || o.Mix.Mobile < 0 || o.Mix.Staff < 0 || (o.Rate > 0 && o.Mix.Browser+o.Mix.Mobile+o.Mix.Staff == 0) {
		bad("Mix must weigh people, and no weight may be negative")
	}
	if len(o.Directory.Patients) == 0 || len(o.Directory.Staff) == 0 || len(o.Directory.Vendors) < 3 {
		bad("Directory must list patients, staff and three vendors")
	}
	if event && (o.Clock == nil || !o.Start.Before(o.End)) {
		bad("a Clock, and Start before End, are needed")
	}
	for i := range o.Attacks {
		if err := o.Attacks[i].check(); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (a *Attack) check() error {
	defaults := map[AttackKind]struct {
		addresses int
		rate      float64
	}{ScanLoud: {1, 12}, ScanCareful: {3, 0.2}, VendorBreach: {300, 2}, Stuffing: {120, 1.5}}
	d, ok := defaults[a.Kind]
	if !ok {
		return fmt.Errorf("%w: unknown attack %q", ErrOptions, a.Kind)
	}
	if a.Addresses == 0 {
		a.Addresses = d.addresses
	}
	if a.Rate == 0 {
		a.Rate = d.rate
	}
	if a.For == 0 {
		a.For = 30 * time.Minute
	}
	if a.Campaign == "" {
		a.Campaign = string(a.Kind)
	}
	if a.Addresses < 1 || a.Addresses > 5000 || a.Rate <= 0 || a.Rate > MaxRate || a.For < 0 {
		return fmt.Errorf("%w: attack %s: 1 to 5000 addresses, a rate up to %d and a positive duration are needed", ErrOptions, a.Kind, MaxRate)
	}
	return nil
}
