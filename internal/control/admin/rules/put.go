package rules

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"merlon/internal/control/admin/people"
	"merlon/internal/enforce/policy"
	"merlon/internal/model/account"
	"merlon/internal/model/bundle"
	"merlon/internal/store"
	"merlon/internal/store/sqlite"
)

// PutRule stores an entry and puts it in force. Errors: *MistakesError when it does not hold together with the rest; nothing
// has changed then.
func (d *Desk) PutRule(ctx context.Context, c people.Caller, in RuleEntry) (Entry, error) {
	if err := c.NeedAt(account.EditPolicy, in.Site); err != nil {
		return Entry{}, err
	}
	why, err := reason(in.Why)
	if err != nil {
		return Entry{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	rows, err := d.o.Store.PolicyRules(ctx)
	if err != nil {
		return Entry{}, err
	}
	r := store.PolicyRule{ID: in.ID, Site: in.Site, Text: in.Text, Why: why, Enabled: !in.Off, By: c.Name}
	before := Entry{}
	if in.ID != "" {
		old, err := d.ownRule(c, rows, in.ID)
		if err != nil {
			return Entry{}, err
		}
		before = Read(old)
	} else if len(rows) >= maxRules {
		return Entry{}, wrong("text", "%d entries are the most: put such many into the policy file", maxRules)
	} else if r.ID, err = d.ruleID(); err != nil {
		return Entry{}, err
	}
	asked := r
	if in.ID == "" {
		asked.ID = newID // nobody knows the id of what is not there yet
	}
	wrongs, err := d.try(rows, asked)
	if err != nil {
		return Entry{}, err
	}
	if faults := policy.Faults(wrongs); len(faults) > 0 {
		return Entry{}, &MistakesError{faults}
	}
	after := Read(r)
	entry := c.Entry("policy.put", ruleTarget(after), Change(before, after))
	return after, d.changeRules(ctx, c, rows, entry, func(ch *sqlite.Change) error { return ch.PutPolicyRule(r) })
}

// SwitchRule switches an entry on or off. One that is switched on must hold.
func (d *Desk) SwitchRule(ctx context.Context, c people.Caller, id string, on bool) error {
	return d.alterRule(ctx, c, id, func(r *store.PolicyRule) error { r.Enabled = on; return nil })
}

// SetRuleMode lets a rule or list watch or enforce.
func (d *Desk) SetRuleMode(ctx context.Context, c people.Caller, id string, mode bundle.Mode) error {
	if mode != bundle.ModeWatch && mode != bundle.ModeEnforce {
		return wrong("mode", "use watch or enforce")
	}
	return d.alterRule(ctx, c, id, func(r *store.PolicyRule) (err error) {
		if r.Text, err = WithMode(r.Text, mode); err != nil {
			return wrong("mode", "%w", err)
		}
		return nil
	})
}

func (d *Desk) alterRule(ctx context.Context, c people.Caller, id string, alter func(*store.PolicyRule) error) error {
	if err := c.Admit(account.EditPolicy); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	rows, err := d.o.Store.PolicyRules(ctx)
	if err != nil {
		return err
	}
	r, err := d.ownRule(c, rows, id)
	if err != nil {
		return err
	}
	before := Read(r)
	if err := alter(&r); err != nil {
		return err
	}
	r.By = c.Name
	if r.Enabled {
		wrongs, err := d.try(rows, r)
		if err != nil {
			return err
		}
		if faults := policy.Faults(wrongs); len(faults) > 0 {
			return &MistakesError{faults}
		}
	}
	after := Read(r)
	return d.changeRules(ctx, c, rows, c.Entry("policy.put", ruleTarget(after), Change(before, after)), func(ch *sqlite.Change) error { return ch.PutPolicyRule(r) })
}

// RemoveRule takes an entry away.
func (d *Desk) RemoveRule(ctx context.Context, c people.Caller, id string) error {
	if err := c.Admit(account.EditPolicy); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	rows, err := d.o.Store.PolicyRules(ctx)
	if err != nil {
		return err
	}
	r, err := d.ownRule(c, rows, id)
	if err != nil {
		return err
	}
	entry := c.Entry("policy.remove", ruleTarget(Read(r)), r.Text)
	return d.changeRules(ctx, c, rows, entry, func(ch *sqlite.Change) error { return ch.RemovePolicyRule(id) })
}

// ownRule finds a row that the caller may change.
func (d *Desk) ownRule(c people.Caller, rows []store.PolicyRule, id string) (store.PolicyRule, error) {
	i := slices.IndexFunc(rows, func(r store.PolicyRule) bool { return r.ID == id })
	if i < 0 || c.NeedAt(account.EditPolicy, rows[i].Site) != nil {
		return store.PolicyRule{}, people.ErrNotFound
	}
	return rows[i], nil
}

// changeRules stores a change and puts it in force; where that fails, what was stored before is stored again.
func (d *Desk) changeRules(ctx context.Context, c people.Caller, before []store.PolicyRule, entry store.AuditEntry, do func(*sqlite.Change) error) error {
	if d.o.Door.Amend == nil {
		return wrong("text", "policy is not decided in this process")
	}
	if err := d.o.Store.Change(ctx, entry, do); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // what is stored must hold, whoever has gone meanwhile
	err := d.o.Door.Amend(ctx)
	if err == nil {
		return nil
	}
	back := c.Entry("policy.restore", entry.Target, "it could not be put in force: "+err.Error())
	return errors.Join(fmt.Errorf("policy was not changed: %w", err), d.o.Store.Change(ctx, back, func(ch *sqlite.Change) error { return ch.RestorePolicyRules(before) }))
}

func (d *Desk) ruleID() (string, error) {
	random := make([]byte, 5)
	if _, err := io.ReadFull(d.o.Random, random); err != nil {
		return "", fmt.Errorf("random numbers: %w", err)
	}
	return fmt.Sprintf("%011x%s", d.o.Now().UnixMilli(), hex.EncodeToString(random)), nil
}

func ruleTarget(e Entry) string {
	return string(e.Kind) + " " + e.Name + " (" + e.ID + ")"
}

func wrong(field, format string, args ...any) error {
	return &people.InputError{Field: field, Err: fmt.Errorf(format, args...)}
}

// maxWhy bounds a reason, in bytes.
const maxWhy = 512

// reason is one line of plain text.
func reason(s string) (string, error) {
	s = strings.TrimSpace(strings.ToValidUTF8(s, "\ufffd"))
	if len(s) > maxWhy || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }) {
		return "", wrong("why", "write one line of plain text, %d bytes at most", maxWhy)
	}
	return s, nil
}
