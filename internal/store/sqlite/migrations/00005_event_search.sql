-- +goose Up
-- The event list is searched by postings: which of the 4,096 rows of a chunk carry a value. Texts that many rows share stand
-- once, as words, and rows hold their numbers. These tables are made from the rows of events, within this file only, so they
-- carry no site, node and source of their own.
ALTER TABLE events ADD COLUMN asn INTEGER NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN agent INTEGER NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN found INTEGER NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN shape INTEGER NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN detail BLOB NOT NULL DEFAULT x'';
DROP INDEX events_endpoint;

CREATE TABLE event_chunks (
  chunk INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL, live BLOB NOT NULL, keys BLOB NOT NULL, times BLOB NOT NULL
);
CREATE TABLE event_postings (
  field INTEGER NOT NULL, value INTEGER NOT NULL, chunk INTEGER NOT NULL, rows BLOB NOT NULL,
  PRIMARY KEY (field, value, chunk)
) WITHOUT ROWID;
CREATE TABLE event_words (
  field INTEGER NOT NULL, value INTEGER NOT NULL, chunk INTEGER NOT NULL, text BLOB NOT NULL,
  PRIMARY KEY (field, value)
) WITHOUT ROWID;
