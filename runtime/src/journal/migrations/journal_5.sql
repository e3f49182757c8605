-- One log for everything: each row holds the lines of a run and the records of the audit that were written together. It
-- only grows at its end, so that what many runs write at once goes to few pages; each row names the run's row before.
DROP VIEW journal;

-- run: NULL where the row has no lines, or its run is forgotten. seq: number of the first line. before: the run's row
-- before. lines: JSON texts, one a line; one that has a large value stands alone, and large is the hash of that. sum: over
-- run_id, seq, lines and large. record: number of the first record of the audit. link: hash of the record before that one.
-- hash: that of the last record. records: JSON texts, one a line.
CREATE TABLE log (
  number  INTEGER PRIMARY KEY,
  run     INTEGER,
  seq     INTEGER,
  before  INTEGER,
  lines   TEXT,
  large   TEXT,
  sum     INTEGER,
  record  INTEGER,
  link    BLOB,
  hash    BLOB,
  records TEXT
) STRICT;
CREATE INDEX log_large ON log (large) WHERE large IS NOT NULL;

-- Where a run ends: its last row, and how many lines it has. sum: over run_id, row and next.
CREATE TABLE ends (
  run  INTEGER PRIMARY KEY,
  row  INTEGER,
  next INTEGER NOT NULL,
  sum  INTEGER NOT NULL
) STRICT;

INSERT INTO log (record, link, hash, records) SELECT number, before, hash, json FROM audit ORDER BY number;
INSERT INTO log (run, seq, lines, large, sum) SELECT run, seq, json, large, sum FROM events ORDER BY run, seq;
UPDATE log SET before = number - 1 WHERE seq > 0;
INSERT INTO ends (run, row, next, sum)
SELECT runs.number, max(log.number), next, 0 FROM runs LEFT JOIN log ON log.run = runs.number GROUP BY runs.number;
DROP TABLE audit;
DROP TABLE events;

-- For people: `sqlite3 .weir/weir.db 'select * from journal'`.
CREATE VIEW journal AS
SELECT runs.run_id, runs.flow, log.seq + line.key AS seq,
       coalesce(json_extract(kind.value, '$.at'), '') AS at, kind.key AS kind,
       coalesce(json_extract(kind.value, '$.key.step'), '') AS step,
       json_extract(kind.value, '$.key.attempt') AS attempt,
       kind.value AS line, payloads.json AS large
FROM log
JOIN runs ON runs.number = log.run
JOIN json_each('[' || replace(log.lines, char(10), ',') || ']') AS line
JOIN json_each(coalesce(json_extract(line.value, '$.event'), line.value)) AS kind
LEFT JOIN payloads ON payloads.hash = log.large
ORDER BY runs.number, log.seq, line.key;

-- The same of the audit.
CREATE VIEW audit AS
SELECT log.record + one.key AS number, one.value AS record
FROM log
JOIN json_each('[' || replace(log.records, char(10), ',') || ']') AS one
ORDER BY log.number, one.key;

-- The list of a thread's events: each row the lines that one batch brought. Only runs that have a thread stand in it.
-- position: of the last of the lines, which stand close together before it; never given out again. first, next: these lines
-- of the run, the second one not included. row: of the log, where the last of them stands. sum: over position, thread,
-- run_id, first, next and row.
CREATE TABLE thread_events (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  thread   TEXT NOT NULL,
  run      INTEGER NOT NULL,
  first    INTEGER NOT NULL,
  next     INTEGER NOT NULL,
  row      INTEGER NOT NULL,
  sum      INTEGER NOT NULL
) STRICT;
CREATE INDEX thread_events_thread ON thread_events (thread);
CREATE UNIQUE INDEX thread_events_run ON thread_events (run, next);
