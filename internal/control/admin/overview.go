package admin

import (
	"context"
	"time"

	"merlon/internal/control/admin/estate"
	"merlon/internal/model/account"
)

// lookedMark is the mark of the overview: until when somebody has seen what changed.
const lookedMark = "overview"

// unmarked is how far back "since you last looked" goes for who never said that they looked.
const unmarked = 24 * time.Hour

// Looked is until when the caller has seen what changed; marked is false where they never said, and the last day stands for it.
func (a *Admin) Looked(ctx context.Context, c Caller) (at time.Time, marked bool, err error) {
	if err := c.Need(account.SignedIn); err != nil {
		return time.Time{}, false, err
	}
	if !c.Machine {
		if at, err = a.o.Store.Mark(ctx, c.Name, lookedMark); err != nil || !at.IsZero() {
			return at, true, err
		}
	}
	return a.o.Now().Add(-unmarked), false, nil
}

// MarkLooked says that the caller has seen everything until at, which is when their page was made: what came after it is still news.
func (a *Admin) MarkLooked(ctx context.Context, c Caller, at time.Time) error {
	if err := c.Need(account.Self); err != nil {
		return err
	}
	if now := a.o.Now(); at.IsZero() || at.After(now) {
		at = now
	}
	return a.o.Store.SetMark(ctx, c.Name, lookedMark, at)
}

// maxChanges bounds the list of what changed.
const maxChanges = 50

// Changes is what happened to endpoints since a moment, the worst and latest first, with at most most of them listed.
func (a *Admin) Changes(_ context.Context, c Caller, since time.Time, most int) (estate.Changes, error) {
	if err := c.Admit(account.SeeInventory); err != nil {
		return estate.Changes{}, err
	}
	return a.current().Changes(since, c.Sites, min(most, maxChanges)), nil
}

// NearConfirmed counts the candidates that have at least this share, 0..1, of what would confirm them.
func (a *Admin) NearConfirmed(_ context.Context, c Caller, share float64) (int, error) {
	if err := c.Admit(account.SeeInventory); err != nil {
		return 0, err
	}
	return a.current().Near(share, c.Sites), nil
}

// CarryRisk counts the endpoints whose risk has a term of this name (docs/reference/risk.md).
func (a *Admin) CarryRisk(_ context.Context, c Caller, term string) (int, error) {
	if err := c.Admit(account.SeeInventory); err != nil {
		return 0, err
	}
	return a.current().Carry(term, c.Sites), nil
}
