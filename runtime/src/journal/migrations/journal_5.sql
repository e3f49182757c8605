-- One row holds the lines that were written together, and the last row of a run says that it is the last: going on with a
-- run changes no other page. The record of a run says no more how many lines it has, and its sum goes over run_id, flow,
-- program and started_at. One row of the audit holds the records that were written together.
DROP VIEW journal;

-- lines: JSON texts, one a line, the first with the number seq. A line that has a large value stands alone. last: 1 in the
-- last row of a run, so that an end that is missing is noticed.
ALTER TABLE events RENAME COLUMN json TO lines;
ALTER TABLE events ADD COLUMN last INTEGER NOT NULL DEFAULT 0;
UPDATE events SET last = 1 WHERE (run, seq) IN (SELECT number, next - 1 FROM runs);

-- begun: it has lines.
ALTER TABLE runs ADD COLUMN begun INTEGER NOT NULL DEFAULT 0;
UPDATE runs SET begun = 1 WHERE next > 0;

-- lines: records, one a line, the first with this number. before: the hash of the record before them. hash: that of the
-- last of them.
ALTER TABLE audit RENAME COLUMN json TO lines;

-- For people: `sqlite3 .weir/weir.db 'select * from journal'`.
CREATE VIEW journal AS
SELECT runs.run_id, runs.flow, events.seq + line.key AS seq,
       coalesce(json_extract(kind.value, '$.at'), '') AS at, kind.key AS kind,
       coalesce(json_extract(kind.value, '$.key.step'), '') AS step,
       json_extract(kind.value, '$.key.attempt') AS attempt,
       kind.value AS line, payloads.json AS large
FROM events
JOIN runs ON runs.number = events.run
JOIN json_each('[' || replace(events.lines, char(10), ',') || ']') AS line
JOIN json_each(coalesce(json_extract(line.value, '$.event'), line.value)) AS kind
LEFT JOIN payloads ON payloads.hash = events.large
ORDER BY runs.number, events.seq, line.key;

-- The list of a thread's events: each row the lines that one batch brought. Only runs that have a thread stand in it.

-- position: of the last of the lines, which stand close together before it; never given out again. first, next: these lines
-- of the run, the second one not included. sum: over position, thread, run_id, first and next.
CREATE TABLE thread_events (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  thread   TEXT NOT NULL,
  run      INTEGER NOT NULL,
  first    INTEGER NOT NULL,
  next     INTEGER NOT NULL,
  sum      INTEGER NOT NULL
) STRICT;
CREATE INDEX thread_events_thread ON thread_events (thread);
CREATE UNIQUE INDEX thread_events_run ON thread_events (run, next);
