-- Runs by number, a checksum a record, large values once, who carries a run on, word that was left for a run.
ALTER TABLE plans RENAME TO plans_1;
ALTER TABLE runs RENAME TO runs_1;
ALTER TABLE events RENAME TO events_1;
ALTER TABLE keys RENAME TO keys_1;

CREATE TABLE plans (
  hash TEXT PRIMARY KEY,
  json TEXT NOT NULL,
  sum  INTEGER NOT NULL
) STRICT;

-- next: how many lines the run has. owner: the worker that carries it on. token: counts its holders. sum: over run_id,
-- flow, program, started_at and next.
CREATE TABLE runs (
  number      INTEGER PRIMARY KEY,
  run_id      TEXT NOT NULL UNIQUE,
  flow        TEXT NOT NULL,
  program     TEXT NOT NULL,
  status      TEXT NOT NULL,
  started_at  TEXT NOT NULL,
  finished_at TEXT,
  parent      TEXT,
  start_key   TEXT UNIQUE,
  next        INTEGER NOT NULL,
  owner       TEXT,
  token       INTEGER NOT NULL,
  sum         INTEGER NOT NULL
) STRICT;
CREATE INDEX runs_unfinished ON runs (number) WHERE finished_at IS NULL;
CREATE INDEX runs_parent ON runs (parent) WHERE parent IS NOT NULL;
CREATE INDEX runs_owner ON runs (owner) WHERE owner IS NOT NULL;

-- large: the hash of a value that stands beside the line.
CREATE TABLE events (
  run   INTEGER NOT NULL,
  seq   INTEGER NOT NULL,
  json  TEXT NOT NULL,
  large TEXT,
  sum   INTEGER NOT NULL,
  PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX events_large ON events (large) WHERE large IS NOT NULL;

CREATE TABLE payloads (
  hash TEXT PRIMARY KEY,
  json TEXT NOT NULL
) STRICT;

-- value is NULL while the call that holds the key has not ended. name: scope and key once more, as a hash with an index of
-- its own: a key whose record is damaged is not taken for one that never was.
CREATE TABLE keys (
  scope  TEXT NOT NULL,
  key    TEXT NOT NULL,
  args   TEXT NOT NULL,
  run_id TEXT NOT NULL,
  step   TEXT NOT NULL,
  since  TEXT NOT NULL,
  value  TEXT,
  sum    INTEGER NOT NULL,
  name   INTEGER NOT NULL,
  PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX keys_name ON keys (name);

CREATE TABLE posts (
  number INTEGER PRIMARY KEY,
  run    INTEGER NOT NULL,
  json   TEXT NOT NULL,
  sum    INTEGER NOT NULL
) STRICT;

-- until: milliseconds since 1970; a worker that has not said that it lives until then has lost its runs.
CREATE TABLE workers (
  id    TEXT PRIMARY KEY,
  until INTEGER NOT NULL
) STRICT;

-- For people: `sqlite3 .weir/weir.db 'select * from journal'`.
CREATE VIEW journal AS
SELECT runs.run_id, runs.flow, events.seq,
       coalesce(json_extract(kind.value, '$.at'), '') AS at, kind.key AS kind,
       coalesce(json_extract(kind.value, '$.key.step'), '') AS step,
       json_extract(kind.value, '$.key.attempt') AS attempt,
       kind.value AS line, payloads.json AS large
FROM events
JOIN runs ON runs.number = events.run
JOIN json_each(coalesce(json_extract(events.json, '$.event'), events.json)) AS kind
LEFT JOIN payloads ON payloads.hash = events.large
ORDER BY runs.number, events.seq;
