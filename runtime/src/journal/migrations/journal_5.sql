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
