-- Runs, the plans that they run on (each stored once), their events, and the idempotency keys of the project.
CREATE TABLE plans (
  hash TEXT PRIMARY KEY,
  json TEXT NOT NULL
) STRICT;

CREATE TABLE runs (
  number      INTEGER PRIMARY KEY,
  run_id      TEXT NOT NULL UNIQUE,
  flow        TEXT NOT NULL,
  program     TEXT NOT NULL REFERENCES plans (hash),
  status      TEXT NOT NULL,
  started_at  TEXT NOT NULL,
  finished_at TEXT
) STRICT;

CREATE TABLE events (
  run_id TEXT NOT NULL REFERENCES runs (run_id),
  seq    INTEGER NOT NULL,
  json   TEXT NOT NULL,
  PRIMARY KEY (run_id, seq)
) STRICT;

-- value is NULL while the call that holds the key has not ended.
CREATE TABLE keys (
  scope  TEXT NOT NULL,
  key    TEXT NOT NULL,
  args   TEXT NOT NULL,
  run_id TEXT NOT NULL,
  step   TEXT NOT NULL,
  since  TEXT NOT NULL,
  value  TEXT,
  PRIMARY KEY (scope, key)
) STRICT;
