package people

import (
	"context"
	"encoding/hex"
	"time"

	"merlon/internal/model/account"
	"merlon/internal/store"
)

// AuditEntry says who did what to what. Hash is over itself and the entry before.
type AuditEntry struct {
	Number  uint64    `json:"number"`
	At      time.Time `json:"at"`
	Actor   string    `json:"actor"`
	Address string    `json:"address,omitempty"`
	Action  string    `json:"action"`
	Target  string    `json:"target,omitempty"`
	Detail  string    `json:"detail,omitempty"`
	Hash    string    `json:"hash"`
}

// AuditQuery selects entries. Empty fields select all.
type AuditQuery struct {
	Before       uint64    // only entries with a lower number; 0 begins at the latest
	Actor        string    // exactly
	Action       string    // exactly, or all of a noun with "noun."
	Target       string    // that contain it
	Since, Until time.Time // Until is exclusive
	Limit        int       // 0 for MaxAudit
}

// MaxAudit is the longest page of the audit log.
const MaxAudit = 500

// maxWord bounds what entries are searched by, in bytes.
const maxWord = 256

// Audit lists who did what, the latest first.
func (a *People) Audit(ctx context.Context, c Caller, q AuditQuery) ([]AuditEntry, error) {
	if err := c.Need(account.SeeAudit); err != nil {
		return nil, err
	}
	if q.Limit < 0 || q.Limit > MaxAudit {
		return nil, wrong("limit", "use 1 to %d", MaxAudit)
	}
	if q.Limit == 0 {
		q.Limit = MaxAudit
	}
	if len(q.Actor) > maxWord || len(q.Action) > maxWord || len(q.Target) > maxWord {
		return nil, wrong("filter", "use at most %d bytes", maxWord)
	}
	rows, err := a.o.Store.Audit(ctx, store.AuditFilter(q))
	out := make([]AuditEntry, 0, len(rows))
	for _, e := range rows {
		out = append(out, AuditEntry{e.Number, e.At, e.Actor, e.Address, e.Action, e.Target, e.Detail, hex.EncodeToString(e.Hash[:])})
	}
	return out, err
}

// EachAudit hands over all entries that q selects, the latest first, a page at a time.
func (a *People) EachAudit(ctx context.Context, c Caller, q AuditQuery, each func([]AuditEntry) error) error {
	q.Limit = MaxAudit
	for {
		page, err := a.Audit(ctx, c, q)
		if err != nil || len(page) == 0 {
			return err
		}
		if err := each(page); err != nil || len(page) < q.Limit {
			return err
		}
		q.Before = page[len(page)-1].Number
	}
}

// Chain is what a walk over the whole audit log found.
type Chain struct {
	First, Last uint64 // numbers; both 0 when there is no entry
	// Broken is the first entry that is changed, missing or added; 0 when the chain is whole.
	Broken uint64
	// Hash is that of the last entry. Keep it elsewhere: whoever can write the database can rebuild the chain.
	Hash string
}

// VerifyAudit walks the whole chain, some 300,000 entries a second.
func (a *People) VerifyAudit(ctx context.Context, c Caller) (Chain, error) {
	if err := c.Need(account.SeeAudit); err != nil {
		return Chain{}, err
	}
	v, err := a.o.Store.VerifyAudit(ctx)
	return Chain{v.First, v.Last, v.Broken, hex.EncodeToString(v.Hash[:])}, err
}
