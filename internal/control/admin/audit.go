package admin

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

// Audit lists who did what, the latest first, before a number (0 for the latest).
func (a *Admin) Audit(ctx context.Context, c Caller, before uint64, limit int) ([]AuditEntry, error) {
	if err := c.Need(account.SeeAudit); err != nil {
		return nil, err
	}
	if limit < 0 || limit > MaxPage {
		return nil, wrong("limit", "use 1 to %d", MaxPage)
	}
	if limit == 0 {
		limit = MaxPage
	}
	rows, err := a.o.Store.Audit(ctx, store.AuditFilter{Before: before, Limit: limit})
	out := make([]AuditEntry, 0, len(rows))
	for _, e := range rows {
		out = append(out, AuditEntry{e.Number, e.At, e.Actor, e.Address, e.Action, e.Target, e.Detail, hex.EncodeToString(e.Hash[:])})
	}
	return out, err
}
