-- The audit: records from 1 without gaps, each with the hash of the one before. The head is the last one, kept apart, so that
-- records that are cut off at the end are missed.
CREATE TABLE audit (
  number INTEGER PRIMARY KEY,
  before BLOB NOT NULL,
  hash   BLOB NOT NULL,
  json   TEXT NOT NULL
) STRICT;

CREATE TABLE audit_head (
  one    INTEGER PRIMARY KEY CHECK (one = 1),
  number INTEGER NOT NULL,
  hash   BLOB NOT NULL
) STRICT;
