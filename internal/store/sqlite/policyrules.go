package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"merlon/internal/store"
)

// PutPolicyRule adds an entry of policy behind all others, or replaces the one with its id, which keeps its place.
func (c *Change) PutPolicyRule(r store.PolicyRule) error {
	_, err := c.t.exec(`INSERT INTO policy_rules (id, site, node, position, text, by, at, enabled, why)
		VALUES (?, ?, ?, (SELECT coalesce(max(position), 0) + 1 FROM policy_rules), ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET site = excluded.site, text = excluded.text, by = excluded.by, at = excluded.at, enabled = excluded.enabled, why = excluded.why`,
		r.ID, r.Site, c.node, r.Text, r.By, c.at.UnixNano(), r.Enabled, r.Why)
	if err != nil {
		return fmt.Errorf("policy entry %q: %w", r.ID, err)
	}
	return nil
}

// RemovePolicyRule removes an entry; store.ErrNotFound when there is none.
func (c *Change) RemovePolicyRule(id string) error {
	if err := c.t.affect(`DELETE FROM policy_rules WHERE id = ?`, id); err != nil {
		return fmt.Errorf("policy entry %q: %w", id, err)
	}
	return nil
}

// RestorePolicyRules makes the entries those given, at the places that they name.
func (c *Change) RestorePolicyRules(all []store.PolicyRule) error {
	if _, err := c.t.exec(`DELETE FROM policy_rules`); err != nil {
		return err
	}
	for _, r := range all {
		if _, err := c.t.exec(`INSERT INTO policy_rules (id, site, node, position, text, by, at, enabled, why) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			r.ID, r.Site, c.node, r.Position, r.Text, r.By, nanos(r.At), r.Enabled, r.Why); err != nil {
			return fmt.Errorf("policy entry %q: %w", r.ID, err)
		}
	}
	return nil
}

// PolicyRules lists the entries in their order.
func (d *DB) PolicyRules(ctx context.Context) (out []store.PolicyRule, err error) {
	err = d.each(ctx, func(r *sql.Rows) error {
		var p store.PolicyRule
		var at int64
		err := r.Scan(&p.ID, &p.Site, &p.Position, &p.Text, &p.By, &at, &p.Enabled, &p.Why)
		p.At = when(at)
		out = append(out, p)
		return err
	}, `SELECT id, site, position, text, by, at, enabled, why FROM policy_rules ORDER BY position, id`)
	return out, err
}
