package rules

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"merlon/internal/control/admin/people"
	"merlon/internal/enforce/policy"
	"merlon/internal/model/account"
	"merlon/internal/model/bundle"
	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
	"merlon/internal/store"
	"merlon/internal/store/eventlist"
	"merlon/internal/store/sqlite"
)

// Door is what Merlon's core does with policy. Where no engine runs in this process its functions are nil.
type Door struct {
	// Sites names the sites, in the order of the configuration.
	Sites func() []string
	// Try tells what is wrong with all as the whole of the console's entries, and changes nothing.
	Try func(all []bundle.Addition) []policy.Mistake
	// Amend puts in force what is stored; after an error nothing has changed.
	Amend func(context.Context) error
	// InForce is the policy of a site, the console's entries behind the file's. LeftOut are entries that are switched on
	// and not in force, by id.
	InForce func(site string) (bundle.Policy, bool)
	LeftOut func() map[string][]policy.Mistake
}

// RuleEntry is what somebody wants to stand in policy: one rule, list or exception as YAML.
type RuleEntry struct {
	ID   string // "" for a new one
	Site string // "" for every site
	Text string
	Why  string
	// Off: it is kept and not in force.
	Off bool
}

// MistakesError refuses an entry: everything that is wrong with it, with places in its text.
type MistakesError struct{ Mistakes []policy.Mistake }

func (e *MistakesError) Error() string {
	var lines []string
	for _, m := range e.Mistakes {
		lines = append(lines, m.String())
	}
	return strings.Join(lines, "\n")
}

// Unwrap makes it a mistake of the caller's.
func (e *MistakesError) Unwrap() error {
	return &people.InputError{Field: "text", Err: errors.New("the entry does not hold: nothing was changed")}
}

// Options is everything a Desk is made from.
type Options struct {
	Store *sqlite.DB
	Door  Door
	// Endpoint is an endpoint by any id it ever had, nil for none.
	Endpoint func(identity.EndpointID) *inventory.Endpoint
	Now      func() time.Time
	Random   io.Reader
}

// Desk carries out the use cases around policy. It is safe for concurrent use.
type Desk struct {
	o  Options
	mu sync.Mutex // serialises changes, so that what is in force is what was stored last
}

// NewDesk makes one.
func NewDesk(o Options) *Desk { return &Desk{o: o} }

// Bounds of the console's entries and of their trials.
const (
	// maxRules is how many entries there are at most; more than these belong into a file.
	maxRules = 500
	// TrialSpan is how far back a trial looks, TrialEvents at how many events.
	TrialSpan   = 24 * time.Hour
	TrialEvents = 5000
	// newID is what mistakes call an entry that is not stored yet.
	newID = "new"
	// maxHits is how many entries of a page have their hits counted.
	maxHits = 150
)

// PolicySites names the sites whose policy the caller may see.
func (d *Desk) PolicySites(_ context.Context, c people.Caller) ([]string, error) {
	if err := c.Admit(account.SeePolicy); err != nil || d.o.Door.Sites == nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(d.o.Door.Sites()), func(s string) bool { return c.NeedAt(account.SeePolicy, s) != nil }), nil
}

// Policy is what is in force at a site, with what each entry did in the last day.
func (d *Desk) Policy(ctx context.Context, c people.Caller, site string) (Site, error) {
	if err := c.NeedAt(account.SeePolicy, site); err != nil {
		return Site{}, err
	}
	if d.o.Door.InForce == nil {
		return Site{}, people.ErrNotFound
	}
	p, ok := d.o.Door.InForce(site)
	if !ok {
		return Site{}, people.ErrNotFound
	}
	s, left := Of(site, &p, d.o.Now()), maxHits
	for _, lines := range [][]Line{s.Lists, s.Rules} {
		for i := range lines {
			if left--; left < 0 {
				return s, nil
			}
			var err error
			if lines[i].Hits, err = d.hits(ctx, site, lines[i].Verdict); err != nil {
				return s, err
			}
		}
	}
	return s, nil
}

// hits counts the events of the last day that name an entry.
func (d *Desk) hits(ctx context.Context, site, verdict string) (int, error) {
	h, err := eventlist.Histogram(ctx, d.o.Store, store.EventFilter{Site: site, Rule: verdict, From: d.o.Now().Add(-TrialSpan)}, 1)
	return h.Total, err
}

// Rules lists the console's entries in their order, with what is wrong with those that are not in force.
func (d *Desk) Rules(ctx context.Context, c people.Caller) ([]Entry, error) {
	if err := c.Admit(account.SeePolicy); err != nil {
		return nil, err
	}
	rows, err := d.o.Store.PolicyRules(ctx)
	if err != nil {
		return nil, err
	}
	var out map[string][]policy.Mistake
	if d.o.Door.LeftOut != nil {
		out = d.o.Door.LeftOut()
	}
	all := make([]Entry, 0, len(rows))
	for _, r := range rows {
		if c.NeedAt(account.SeePolicy, r.Site) != nil {
			continue
		}
		e := Read(r)
		if wrong, left := out[r.ID]; left && r.Enabled {
			e.Out, e.Mistakes = true, wrong
		}
		if name := e.Verdict(); name != "" && len(all) < maxHits {
			if e.Hits, err = d.hits(ctx, "", name); err != nil {
				return nil, err
			}
		}
		all = append(all, e)
	}
	return all, nil
}

// Rule is one of them.
func (d *Desk) Rule(ctx context.Context, c people.Caller, id string) (Entry, error) {
	all, err := d.Rules(ctx, c)
	if err != nil {
		return Entry{}, err
	}
	i := slices.IndexFunc(all, func(e Entry) bool { return e.ID == id })
	if i < 0 {
		return Entry{}, people.ErrNotFound
	}
	return all[i], nil
}

// CheckRule tells what is wrong with an entry beside all others, and changes nothing. Notices are among it.
func (d *Desk) CheckRule(ctx context.Context, c people.Caller, e RuleEntry) ([]policy.Mistake, error) {
	if err := c.NeedAt(account.EditPolicy, e.Site); err != nil {
		return nil, err
	}
	rows, err := d.o.Store.PolicyRules(ctx)
	if err != nil {
		return nil, err
	}
	if e.ID == "" {
		e.ID = newID
	}
	return d.try(rows, store.PolicyRule{ID: e.ID, Site: e.Site, Text: e.Text})
}

// try tells what would be wrong if r were among rows: with r itself, and with others that hold now and would no longer.
func (d *Desk) try(rows []store.PolicyRule, r store.PolicyRule) ([]policy.Mistake, error) {
	if r.Site != "" && (d.o.Door.Sites == nil || !slices.Contains(d.o.Door.Sites(), r.Site)) {
		return nil, wrong("site", "there is no site %q", r.Site)
	}
	if len(r.Text) > policy.MaxEntryBytes {
		return nil, wrong("text", "use at most %d bytes: long lists belong into files", policy.MaxEntryBytes)
	}
	if d.o.Door.Try == nil {
		return nil, wrong("text", "policy is not decided in this process")
	}
	r.Enabled = true
	_, found := policy.ParseEntry(Addition(r)) // told even where no site takes it
	before := d.o.Door.Try(Enabled(rows))
	for _, m := range d.o.Door.Try(Enabled(laid(rows, r))) {
		own := m.Source == policy.SourceOf(r.ID)
		if (own || !m.Notice && !slices.Contains(before, m)) && !slices.Contains(found, m) {
			found = append(found, m)
		}
	}
	slices.SortFunc(found, policy.Mistake.Compare)
	return found, nil
}

// laid is rows with r in its place, or at the end.
func laid(rows []store.PolicyRule, r store.PolicyRule) []store.PolicyRule {
	rows = slices.Clone(rows)
	for i := range rows {
		if rows[i].ID == r.ID {
			r.Position = rows[i].Position
			rows[i] = r
			return rows
		}
	}
	return append(rows, r)
}

// TryRule asks an entry that has no fault about the events of the last day.
func (d *Desk) TryRule(ctx context.Context, c people.Caller, e RuleEntry) (Trial, error) {
	if err := c.NeedAt(account.SeeEvents, e.Site); err != nil {
		return Trial{}, err
	}
	wrongs, err := d.CheckRule(ctx, c, e)
	if err != nil {
		return Trial{}, err
	}
	if faults := policy.Faults(wrongs); len(faults) > 0 {
		return Trial{}, &MistakesError{faults}
	}
	return d.trial(ctx, e)
}

func (d *Desk) trial(ctx context.Context, e RuleEntry) (Trial, error) {
	judges := map[string]*Judge{} // by site: a name of networks may stand for others there
	p, _ := policy.ParseEntry(bundle.Addition{ID: newID, Site: e.Site, Text: e.Text})
	tally := NewTally()
	f := store.EventFilter{Site: e.Site, From: d.o.Now().Add(-TrialSpan), Limit: store.MaxEventsPage}
	for looked := 0; ; {
		page, err := eventlist.Page(ctx, d.o.Store, f)
		if err != nil {
			return Trial{}, err
		}
		for i := range page.Events {
			row := &page.Events[i]
			j, made := judges[row.Site]
			if !made {
				site, _ := d.o.Door.InForce(row.Site)
				j, _ = NewJudge(&p, site.Networks)
				judges[row.Site] = j
			}
			answer, unseen := j.Ask(row, d.o.Endpoint(row.Endpoint))
			tally.Add(row, answer, unseen)
		}
		looked += len(page.Events)
		if !page.More || page.Next == 0 || looked >= TrialEvents {
			out := tally.Result()
			out.All = !page.More
			return out, nil
		}
		f.Before = page.Next
	}
}
