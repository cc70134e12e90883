-- +goose Up
-- A mark is when somebody last said that they have seen what changed.
CREATE TABLE marks (
  account TEXT NOT NULL COLLATE NOCASE, name TEXT NOT NULL, site TEXT NOT NULL DEFAULT '', node TEXT NOT NULL DEFAULT '', source TEXT NOT NULL DEFAULT '',
  at INTEGER NOT NULL,
  PRIMARY KEY (account, name)
) WITHOUT ROWID;
-- +goose StatementBegin
CREATE TRIGGER accounts_marks AFTER DELETE ON accounts BEGIN
  DELETE FROM marks WHERE account = OLD.name;
END;
-- +goose StatementEnd
