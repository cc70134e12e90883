package admin

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"merlon/internal/enforce/policy"
	"merlon/internal/model/account"
	"merlon/internal/model/bundle"
	"merlon/internal/model/identity"
	"merlon/internal/store/sqlite"
)

// Block is what somebody wants kept out.
type Block struct {
	Site  string // "" for every site
	Kind  bundle.ListKind
	Value string
	// Mode is enforce when empty.
	Mode bundle.Mode
	// Until is when it ends; zero: when somebody removes it.
	Until time.Time
	Why   string
}

const (
	maxWhy = 512
	// maxStanding bounds the blocks made by people; more than these belong into a list of the policy.
	maxStanding = 10_000
)

// BlockKinds are the kinds of things that can be blocked.
func BlockKinds() []bundle.ListKind {
	return []bundle.ListKind{bundle.ListAddress, bundle.ListFingerprint, bundle.ListPrincipal, bundle.ListEndpoint, bundle.ListCountry, bundle.ListASN}
}

// Standing lists the blocks that hold, the latest first.
func (a *Admin) Standing(ctx context.Context, c Caller) ([]bundle.Entry, error) {
	if err := c.Need(account.SeeStanding); err != nil {
		return nil, err
	}
	s, err := a.o.Store.Standing(ctx, a.o.Now())
	if err != nil {
		return nil, err
	}
	out := make([]bundle.Entry, 0, len(s.Entries))
	for i := range s.Entries { // ids rise with time
		out = append(out, s.Entries[len(s.Entries)-1-i])
	}
	return out, nil
}

// Block keeps something out, at once.
func (a *Admin) Block(ctx context.Context, c Caller, b Block) (bundle.Entry, error) {
	if err := c.Need(account.EditStanding); err != nil {
		return bundle.Entry{}, err
	}
	e, err := a.blockEntry(c, b)
	if err != nil {
		return bundle.Entry{}, err
	}
	a.standing.Lock()
	defer a.standing.Unlock()
	s, err := a.o.Store.Standing(ctx, a.o.Now())
	if err != nil {
		return bundle.Entry{}, err
	}
	if len(s.Entries) >= maxStanding {
		return bundle.Entry{}, wrong("value", "%d blocks hold already: put such many into a list of the policy", maxStanding)
	}
	for _, old := range s.Entries {
		if old.Site == e.Site && old.Kind == e.Kind && old.Value == e.Value {
			e.ID = old.ID // blocking again changes mode, end and reason
		}
	}
	detail := fmt.Sprintf("%s, mode %s, until %s: %s", orAll(e.Site), e.Mode, untilText(e.Until), e.Why)
	if err := a.o.Store.Change(ctx, c.Entry("standing.put", string(e.Kind)+" "+e.Value, detail), func(ch *sqlite.Change) error { return ch.PutStanding(e) }); err != nil {
		return bundle.Entry{}, err
	}
	return e, a.stand(ctx)
}

// Unblock removes a block, at once.
func (a *Admin) Unblock(ctx context.Context, c Caller, id string) error {
	if err := c.Need(account.EditStanding); err != nil {
		return err
	}
	a.standing.Lock()
	defer a.standing.Unlock()
	s, err := a.o.Store.Standing(ctx, a.o.Now())
	if err != nil {
		return err
	}
	target := ""
	for _, e := range s.Entries {
		if e.ID == id {
			target = string(e.Kind) + " " + e.Value
		}
	}
	if target == "" {
		return ErrNotFound
	}
	if err := found(a.o.Store.Change(ctx, c.Entry("standing.remove", target, id), func(ch *sqlite.Change) error { return ch.RemoveStanding(id) })); err != nil {
		return err
	}
	return a.stand(ctx)
}

// stand makes what is stored hold. An entry that does not compile is left out by the engine and told to the operators. It is
// done to its end even for a caller who has gone: what was stored has to hold.
func (a *Admin) stand(ctx context.Context) error {
	if a.o.Stand == nil {
		return nil
	}
	s, err := a.o.Store.Standing(context.WithoutCancel(ctx), a.o.Now())
	if err != nil {
		return fmt.Errorf("blocks: %w", err)
	}
	for _, m := range a.o.Stand(s) {
		a.o.Log.Warn("a block does not hold", "entry", m.Key, "cause", m.Message)
	}
	return nil
}

// blockEntry checks a block and brings its value to the one form it has in lists.
func (a *Admin) blockEntry(c Caller, b Block) (bundle.Entry, error) {
	now := a.o.Now().UTC()
	e := bundle.Entry{Site: b.Site, Kind: b.Kind, Action: "block", Mode: b.Mode, Until: b.Until, By: c.Name, At: now}
	var err error
	if e.Value, err = plain("value", b.Value, 512); err != nil {
		return e, err
	}
	if e.Why, err = plain("why", b.Why, maxWhy); err != nil {
		return e, err
	}
	if e.Mode == "" {
		e.Mode = bundle.ModeEnforce
	}
	if e.Mode != bundle.ModeEnforce && e.Mode != bundle.ModeWatch {
		return e, wrong("mode", "use watch or enforce")
	}
	if !e.Until.IsZero() && !e.Until.After(now) {
		return e, wrong("until", "that time has passed")
	}
	switch e.Kind {
	case bundle.ListEndpoint:
		if e.Value, err = a.blockedEndpoint(&e); err != nil {
			return e, err
		}
	case bundle.ListFingerprint, bundle.ListPrincipal:
		e.Value = strings.ToLower(e.Value)
	case bundle.ListCountry:
		e.Value = strings.ToUpper(e.Value)
	case bundle.ListAddress:
		if e.Value, err = blockedAddress(e.Value); err != nil {
			return e, err
		}
	}
	random := make([]byte, 5)
	if _, err := io.ReadFull(a.o.Random, random); err != nil {
		return e, fmt.Errorf("random numbers: %w", err)
	}
	e.ID = fmt.Sprintf("%011x%s", now.UnixMilli(), hex.EncodeToString(random))
	// The engine's own compiler has the last word, so that what is stored also holds.
	if _, mistakes := policy.CompileStanding([]bundle.Entry{e}, e.Site); len(mistakes) > 0 {
		return e, wrong("value", "%s", mistakes[0].Message)
	}
	return e, nil
}

// Widest prefixes that one click may keep out: a whole provider, not the internet.
const widest4, widest6 = 8, 19

func blockedAddress(value string) (string, error) {
	if addr, err := netip.ParseAddr(value); err == nil {
		return addr.Unmap().WithZone("").String(), nil
	}
	p, err := netip.ParsePrefix(value)
	if err != nil {
		return "", wrong("value", "write an address or a prefix, such as 192.0.2.7 or 192.0.2.0/24")
	}
	if p = p.Masked(); p.Addr().Is4() && p.Bits() < widest4 || p.Addr().Is6() && p.Bits() < widest6 {
		return "", wrong("value", "that is too much of the internet: /%d (IPv4) and /%d (IPv6) are the widest", widest4, widest6)
	}
	return p.String(), nil
}

// blockedEndpoint takes an id, which stands for the endpoint in its own site only, or METHOD /template.
func (a *Admin) blockedEndpoint(e *bundle.Entry) (string, error) {
	var id identity.EndpointID
	if _, err := fmt.Sscanf(e.Value, "%d", &id); err != nil {
		return e.Value, nil
	}
	known, ok := a.current().Endpoint(id)
	if !ok {
		return "", wrong("value", "no endpoint has the id %s", e.Value)
	}
	e.Site = known.Site
	return fmt.Sprint(known.ID), nil
}

func orAll(site string) string {
	if site == "" {
		return "every site"
	}
	return "site " + site
}

func untilText(t time.Time) string {
	if t.IsZero() {
		return "removed"
	}
	return t.UTC().Format(time.RFC3339)
}
