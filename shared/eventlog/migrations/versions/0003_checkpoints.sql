-- Checkpoints are signed and kept apart from the database (shared/eventlog/checkpoints.py). The number and hash of the newest line stand
-- here, so that a file whose end was cut off is noticed; the relay writes them after the line is on the disk.
CREATE TABLE log.last_checkpoint (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    number   bigint  NOT NULL,
    digest   text    NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON log.last_checkpoint TO relay;
GRANT SELECT ON log.last_checkpoint TO operator;
