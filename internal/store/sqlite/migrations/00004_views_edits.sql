-- +goose Up
-- People may hide an endpoint and give its path another name; both stand beside owner and labels.
ALTER TABLE endpoint_edits ADD COLUMN ignored INTEGER NOT NULL DEFAULT 0;
ALTER TABLE endpoint_edits ADD COLUMN template TEXT NOT NULL DEFAULT '';

-- Views are queries of a room that somebody keeps under a name.
CREATE TABLE views (
  id TEXT NOT NULL PRIMARY KEY, site TEXT NOT NULL DEFAULT '', node TEXT NOT NULL DEFAULT '', source TEXT NOT NULL DEFAULT '',
  account TEXT NOT NULL COLLATE NOCASE, room TEXT NOT NULL, name TEXT NOT NULL COLLATE NOCASE, query TEXT NOT NULL,
  shared INTEGER NOT NULL, at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX views_name ON views (account, room, name);

-- The view that a room opens with, for each account.
CREATE TABLE view_defaults (
  account TEXT NOT NULL COLLATE NOCASE, room TEXT NOT NULL, site TEXT NOT NULL DEFAULT '', node TEXT NOT NULL DEFAULT '', source TEXT NOT NULL DEFAULT '',
  view TEXT NOT NULL REFERENCES views (id) ON DELETE CASCADE,
  PRIMARY KEY (account, room)
) WITHOUT ROWID;
CREATE INDEX view_defaults_view ON view_defaults (view);

-- What a change of many endpoints replaced, so that it can be taken back. Blob is packed JSON.
CREATE TABLE edit_batches (
  id TEXT NOT NULL PRIMARY KEY, site TEXT NOT NULL DEFAULT '', node TEXT NOT NULL DEFAULT '', source TEXT NOT NULL DEFAULT '',
  at INTEGER NOT NULL, by TEXT NOT NULL, what TEXT NOT NULL, count INTEGER NOT NULL, undone INTEGER NOT NULL, blob BLOB NOT NULL
);
CREATE INDEX edit_batches_at ON edit_batches (at);

-- Nobody can reach the private views of an account that is gone; shared ones stay.
-- +goose StatementBegin
CREATE TRIGGER accounts_views AFTER DELETE ON accounts BEGIN
  DELETE FROM view_defaults WHERE account = OLD.name;
  DELETE FROM views WHERE account = OLD.name AND NOT shared;
END;
-- +goose StatementEnd
