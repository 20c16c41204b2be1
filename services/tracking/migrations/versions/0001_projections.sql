-- Schema `tracking`: read models made from events alone, and the directory's names. Run as the role `tracking`.

CREATE TABLE ledger (
    issue_id text NOT NULL,
    number text NOT NULL,
    county text NOT NULL,
    township text NOT NULL,
    village text NOT NULL,
    channel text NOT NULL,
    category text NOT NULL,
    topic text NOT NULL,
    priority text NOT NULL,
    title text NOT NULL,
    reporter text NOT NULL,
    labels text[] NOT NULL,
    tracking_digest text NOT NULL,
    first_receiver_officer text,
    first_receiver_name text,
    first_receiver_unit text,
    state text NOT NULL,
    level text,
    handler_officer text,
    handler_name text,
    handler_unit text,
    clocks jsonb NOT NULL,
    due_at timestamptz,
    overdue_since timestamptz,
    warned boolean NOT NULL,
    raised_at timestamptz NOT NULL,
    occurred_at timestamptz,
    assigned_at timestamptz,
    accepted_at timestamptz,
    resolved_at timestamptz,
    answered_at timestamptz,
    closed_at timestamptz,
    resolutions smallint NOT NULL,
    answered smallint NOT NULL,
    escalations smallint NOT NULL,
    outcome text,
    result text,
    promised_by timestamptz,
    rating text,
    how text,
    version integer NOT NULL,
    stream_version integer NOT NULL,
    PRIMARY KEY (issue_id)
);
CREATE INDEX ledger_county_due ON ledger (county, coalesce(due_at, 'infinity'::timestamptz), issue_id);
CREATE INDEX ledger_county_raised ON ledger (county, raised_at, issue_id);
CREATE INDEX ledger_county_state ON ledger (county, state, level);
CREATE INDEX ledger_labels ON ledger USING gin (labels);
CREATE INDEX ledger_number ON ledger (number);
CREATE INDEX ledger_officer_due ON ledger (handler_officer, coalesce(due_at, 'infinity'::timestamptz), issue_id);
CREATE INDEX ledger_title ON ledger USING gin (title extensions.gin_trgm_ops);
CREATE INDEX ledger_township_due ON ledger (township, coalesce(due_at, 'infinity'::timestamptz), issue_id);
CREATE INDEX ledger_township_raised ON ledger (township, raised_at, issue_id);
CREATE INDEX ledger_township_state ON ledger (township, state, level);
CREATE UNIQUE INDEX ledger_tracking_digest ON ledger (tracking_digest);
CREATE INDEX ledger_unit_due ON ledger (handler_unit, coalesce(due_at, 'infinity'::timestamptz), issue_id);
CREATE INDEX ledger_village_due ON ledger (village, coalesce(due_at, 'infinity'::timestamptz), issue_id);
CREATE INDEX ledger_village_raised ON ledger (village, raised_at, issue_id);
CREATE INDEX ledger_village_state ON ledger (village, state, level);

CREATE TABLE officers (
    officer_id text NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    active boolean NOT NULL,
    PRIMARY KEY (officer_id)
);

CREATE TABLE timeline (
    issue_id text NOT NULL,
    version integer NOT NULL,
    event_id text NOT NULL,
    event text NOT NULL,
    at timestamptz NOT NULL,
    public boolean NOT NULL,
    facts jsonb NOT NULL,
    PRIMARY KEY (issue_id, version)
);

CREATE TABLE topics (
    code text NOT NULL,
    zh text NOT NULL,
    en text NOT NULL,
    board text NOT NULL,
    active boolean NOT NULL,
    PRIMARY KEY (code)
);

CREATE TABLE transitions (
    issue_id text NOT NULL,
    version integer NOT NULL,
    event text NOT NULL,
    at timestamptz NOT NULL,
    county text NOT NULL,
    township text NOT NULL,
    village text NOT NULL,
    channel text NOT NULL,
    category text NOT NULL,
    topic text NOT NULL,
    priority text NOT NULL,
    unit text,
    from_state text,
    to_state text NOT NULL,
    from_level text,
    to_level text,
    outcome text,
    rating text,
    reason text,
    on_time boolean,
    since_raised integer NOT NULL,
    resolved_after integer,
    PRIMARY KEY (issue_id, version)
);
CREATE INDEX transitions_county_at ON transitions (county, at);
CREATE INDEX transitions_township_at ON transitions (township, at);
CREATE INDEX transitions_village_at ON transitions (village, at);

CREATE TABLE units (
    unit_id text NOT NULL,
    region text NOT NULL,
    zh text NOT NULL,
    en text NOT NULL,
    active boolean NOT NULL,
    PRIMARY KEY (unit_id)
);

