-- +goose Up
-- Every table carries site, node and source from the first day: a store that several nodes fill, or that is merged from
-- several, needs no migration. Times are integers: Unix nanoseconds where exact order matters, seconds in series.

CREATE TABLE positions (
  name TEXT NOT NULL, site TEXT NOT NULL DEFAULT '', node TEXT NOT NULL DEFAULT '', source TEXT NOT NULL DEFAULT '',
  seq INTEGER NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (name, node, site, source)
) WITHOUT ROWID;

CREATE TABLE summaries (
  kind TEXT NOT NULL, site TEXT NOT NULL, node TEXT NOT NULL, source TEXT NOT NULL, epoch INTEGER NOT NULL,
  seq INTEGER NOT NULL, at INTEGER NOT NULL, blob BLOB NOT NULL,
  PRIMARY KEY (kind, site, node, source, epoch)
);

CREATE TABLE documents (
  kind TEXT NOT NULL, site TEXT NOT NULL, node TEXT NOT NULL DEFAULT '', source TEXT NOT NULL DEFAULT '', version INTEGER NOT NULL,
  at INTEGER NOT NULL, blob BLOB NOT NULL,
  PRIMARY KEY (kind, site, version)
);

CREATE TABLE series (
  step INTEGER NOT NULL, endpoint INTEGER NOT NULL, at INTEGER NOT NULL,
  site TEXT NOT NULL, node TEXT NOT NULL, source TEXT NOT NULL, arrived INTEGER NOT NULL,
  requests INTEGER NOT NULL, client_errors INTEGER NOT NULL, server_errors INTEGER NOT NULL, blocked INTEGER NOT NULL,
  request_bytes INTEGER NOT NULL, response_bytes INTEGER NOT NULL, latency BLOB NOT NULL,
  PRIMARY KEY (endpoint, step, at, site, node, source)
) WITHOUT ROWID;
CREATE INDEX series_age ON series (step, arrived);

CREATE TABLE events (
  row INTEGER PRIMARY KEY, id TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, arrived INTEGER NOT NULL,
  site TEXT NOT NULL, node TEXT NOT NULL, source TEXT NOT NULL,
  method TEXT NOT NULL, host TEXT NOT NULL, template TEXT NOT NULL, endpoint INTEGER NOT NULL,
  actor TEXT NOT NULL, principal TEXT NOT NULL, strength TEXT NOT NULL, address TEXT NOT NULL, country TEXT NOT NULL,
  user_agent TEXT NOT NULL, fingerprint TEXT NOT NULL, mode TEXT NOT NULL, action TEXT NOT NULL, would TEXT NOT NULL, rule TEXT NOT NULL,
  status INTEGER NOT NULL, severity INTEGER NOT NULL, findings BLOB NOT NULL, finding_ids TEXT NOT NULL,
  latency INTEGER NOT NULL, capped INTEGER NOT NULL, notable INTEGER NOT NULL
);
CREATE UNIQUE INDEX events_id ON events (id);
CREATE INDEX events_endpoint ON events (endpoint, row);
CREATE INDEX events_notable ON events (notable, row);

CREATE TABLE standing (
  id TEXT NOT NULL PRIMARY KEY, site TEXT NOT NULL, node TEXT NOT NULL DEFAULT '', source TEXT NOT NULL DEFAULT '',
  kind TEXT NOT NULL, value TEXT NOT NULL, action TEXT NOT NULL, mode TEXT NOT NULL, until INTEGER NOT NULL,
  by TEXT NOT NULL, why TEXT NOT NULL, at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE endpoint_edits (
  site TEXT NOT NULL, endpoint INTEGER NOT NULL, node TEXT NOT NULL DEFAULT '', source TEXT NOT NULL DEFAULT '',
  owner TEXT NOT NULL, labels TEXT NOT NULL, by TEXT NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (site, endpoint)
) WITHOUT ROWID;

CREATE TABLE accounts (
  name TEXT NOT NULL PRIMARY KEY COLLATE NOCASE, site TEXT NOT NULL DEFAULT '', node TEXT NOT NULL DEFAULT '', source TEXT NOT NULL DEFAULT '',
  hash TEXT NOT NULL, roles TEXT NOT NULL, created INTEGER NOT NULL, disabled INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE logins (
  token_hash BLOB NOT NULL PRIMARY KEY, site TEXT NOT NULL DEFAULT '', node TEXT NOT NULL DEFAULT '', source TEXT NOT NULL DEFAULT '',
  account TEXT NOT NULL REFERENCES accounts (name) ON DELETE CASCADE,
  created INTEGER NOT NULL, seen INTEGER NOT NULL, expires INTEGER NOT NULL, address TEXT NOT NULL, user_agent TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX logins_account ON logins (account);

CREATE TABLE api_tokens (
  id TEXT NOT NULL PRIMARY KEY, site TEXT NOT NULL DEFAULT '', node TEXT NOT NULL DEFAULT '', source TEXT NOT NULL DEFAULT '',
  name TEXT NOT NULL, token_hash BLOB NOT NULL UNIQUE, roles TEXT NOT NULL, by TEXT NOT NULL,
  created INTEGER NOT NULL, expires INTEGER NOT NULL, used INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE setup (
  one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1), site TEXT NOT NULL DEFAULT '', node TEXT NOT NULL DEFAULT '', source TEXT NOT NULL DEFAULT '',
  token_hash BLOB NOT NULL, expires INTEGER NOT NULL
);

CREATE TABLE audit (
  number INTEGER PRIMARY KEY, site TEXT NOT NULL DEFAULT '', node TEXT NOT NULL DEFAULT '', source TEXT NOT NULL DEFAULT '',
  at INTEGER NOT NULL, actor TEXT NOT NULL, address TEXT NOT NULL, action TEXT NOT NULL, target TEXT NOT NULL, detail TEXT NOT NULL,
  hash BLOB NOT NULL
);

CREATE TABLE settings (
  key TEXT NOT NULL, site TEXT NOT NULL, node TEXT NOT NULL DEFAULT '', source TEXT NOT NULL DEFAULT '',
  value TEXT NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (key, site)
) WITHOUT ROWID;
