package client

import (
	"context"
	"io"
	"iter"
	"maps"
	"net/url"
)

// Session is who the token speaks for.
func (c *Client) Session(ctx context.Context) (Session, error) {
	return get[Session](ctx, c, "/v1/session", nil)
}

// ListTokens walks the tokens, without their secrets.
func (c *Client) ListTokens(ctx context.Context) iter.Seq2[Token, error] {
	return all[Token](ctx, c, "/v1/tokens", nil)
}

// CreateToken makes a token that may no more than the one that asks. Its Secret is shown once.
func (c *Client) CreateToken(ctx context.Context, t NewToken) (Token, error) {
	return post[Token](ctx, c, "/v1/tokens", t)
}

// RevokeToken ends a token at once.
func (c *Client) RevokeToken(ctx context.Context, id string) error {
	return c.remove(ctx, "/v1/tokens/"+url.PathEscape(id))
}

// ListAccounts walks the accounts of people.
func (c *Client) ListAccounts(ctx context.Context) iter.Seq2[Account, error] {
	return all[Account](ctx, c, "/v1/accounts", nil)
}

// ListAllSessions walks the signed-in browsers of everybody.
func (c *Client) ListAllSessions(ctx context.Context) iter.Seq2[Browser, error] {
	return all[Browser](ctx, c, "/v1/accounts/sessions", nil)
}

// ListInvites walks the invitations that are open.
func (c *Client) ListInvites(ctx context.Context) iter.Seq2[Invite, error] {
	return all[Invite](ctx, c, "/v1/invites", nil)
}

// ListAudit walks the audit log, the latest first; the filter may have actor, action, target, since and until.
func (c *Client) ListAudit(ctx context.Context, filter url.Values) iter.Seq2[AuditEntry, error] {
	return all[AuditEntry](ctx, c, "/v1/audit", filter)
}

// ExportAudit is the audit log as ndjson or csv. The caller closes it.
func (c *Client) ExportAudit(ctx context.Context, format string, filter url.Values) (io.ReadCloser, error) {
	q := url.Values{}
	maps.Copy(q, filter)
	q.Set("format", format)
	return c.stream(ctx, "/v1/audit/export", q)
}

// VerifyAudit walks the chain of the audit log.
func (c *Client) VerifyAudit(ctx context.Context) (Chain, error) {
	return get[Chain](ctx, c, "/v1/audit/verify", nil)
}
