-- +goose Up
-- The fingerprints of an event's connection, and the remote procedure call it was.
ALTER TABLE events ADD COLUMN ja4 TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN http2 TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN rpc TEXT NOT NULL DEFAULT '';
