-- Runs that begin later, limits over all runs of a flow, and what has to be known after a restart.

-- slot: of the runs that have it, at most `most` go at once. holds: it has begun, and neither ended nor waits.
ALTER TABLE runs ADD COLUMN slot TEXT;
ALTER TABLE runs ADD COLUMN most INTEGER;
ALTER TABLE runs ADD COLUMN holds INTEGER NOT NULL DEFAULT 0;
CREATE INDEX runs_slot ON runs (slot) WHERE slot IS NOT NULL AND finished_at IS NULL;

-- thread: runs of one conversation or subject have the same.
ALTER TABLE runs ADD COLUMN thread TEXT;
CREATE INDEX runs_thread ON runs (thread, number) WHERE thread IS NOT NULL;

-- due: milliseconds since 1970. source: who started it, e.g. a campaign; sources of one priority take turns. count, per:
-- at most so many runs of the flow begin in so many milliseconds. started: what the run begins with; NULL where it has
-- begun, and is only to be woken.
CREATE TABLE queue (
  run      INTEGER PRIMARY KEY,
  due      INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  source   TEXT NOT NULL,
  count    INTEGER,
  per      INTEGER,
  behind   TEXT,
  started  TEXT,
  sum      INTEGER NOT NULL
) STRICT;
CREATE INDEX queue_due ON queue (due);

-- When runs of flows that have a limit began, in milliseconds since 1970.
CREATE TABLE starts (
  flow TEXT NOT NULL,
  at   INTEGER NOT NULL
) STRICT;
CREATE INDEX starts_flow ON starts (flow, at);

-- Breakers, how much of a limit is used up, how far campaigns have come: by name, as JSON.
CREATE TABLE memory (
  name TEXT PRIMARY KEY,
  json TEXT NOT NULL,
  sum  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
