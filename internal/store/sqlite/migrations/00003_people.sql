-- +goose Up
-- A second factor, passkeys, invitations, and what a session and a token were given.
-- totp is sealed with the key in people.key beside the database; handle is the WebAuthn user handle.
ALTER TABLE accounts ADD COLUMN handle BLOB NOT NULL DEFAULT x'';
ALTER TABLE accounts ADD COLUMN totp BLOB NOT NULL DEFAULT x'';
ALTER TABLE accounts ADD COLUMN totp_step INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN signed_in INTEGER NOT NULL DEFAULT 0;

-- proved is when the person behind a session last showed who they are, method how.
ALTER TABLE logins ADD COLUMN proved INTEGER NOT NULL DEFAULT 0;
ALTER TABLE logins ADD COLUMN method TEXT NOT NULL DEFAULT '';

ALTER TABLE api_tokens ADD COLUMN scopes TEXT NOT NULL DEFAULT '[]';
ALTER TABLE api_tokens ADD COLUMN sites TEXT NOT NULL DEFAULT '[]';

CREATE TABLE passkeys (
  id BLOB NOT NULL PRIMARY KEY, site TEXT NOT NULL DEFAULT '', node TEXT NOT NULL DEFAULT '', source TEXT NOT NULL DEFAULT '',
  account TEXT NOT NULL REFERENCES accounts (name) ON DELETE CASCADE,
  name TEXT NOT NULL, host TEXT NOT NULL, credential BLOB NOT NULL, created INTEGER NOT NULL, used INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX passkeys_account ON passkeys (account);

CREATE TABLE recovery_codes (
  account TEXT NOT NULL REFERENCES accounts (name) ON DELETE CASCADE, hash BLOB NOT NULL,
  site TEXT NOT NULL DEFAULT '', node TEXT NOT NULL DEFAULT '', source TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (account, hash)
) WITHOUT ROWID;

CREATE TABLE invites (
  token_hash BLOB NOT NULL PRIMARY KEY, site TEXT NOT NULL DEFAULT '', node TEXT NOT NULL DEFAULT '', source TEXT NOT NULL DEFAULT '',
  account TEXT NOT NULL COLLATE NOCASE UNIQUE, role TEXT NOT NULL, reset INTEGER NOT NULL, by TEXT NOT NULL,
  created INTEGER NOT NULL, expires INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX audit_actor ON audit (actor, number);
CREATE INDEX audit_action ON audit (action, number);
