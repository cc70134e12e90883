-- +goose Up
-- Entries of policy that people made in the console: a rule, a list or an exception each, as the text they wrote.
CREATE TABLE policy_rules (
  id TEXT NOT NULL PRIMARY KEY, site TEXT NOT NULL DEFAULT '', node TEXT NOT NULL DEFAULT '', source TEXT NOT NULL DEFAULT '',
  position INTEGER NOT NULL, text TEXT NOT NULL, by TEXT NOT NULL, at INTEGER NOT NULL, enabled INTEGER NOT NULL, why TEXT NOT NULL
);
CREATE INDEX policy_rules_position ON policy_rules (position, id);
