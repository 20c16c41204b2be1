-- Counts that pages show of a whole region, kept beside what they count: counting a hundred thousand issues takes too long for a page.

CREATE TABLE ledger_counts (
    county text NOT NULL,
    township text NOT NULL,
    village text NOT NULL,
    state text NOT NULL,
    category text NOT NULL,
    topic text NOT NULL,
    level text NOT NULL,
    unit text NOT NULL,
    n integer NOT NULL,
    PRIMARY KEY (county, township, village, state, category, topic, level, unit)
);

CREATE TABLE transition_counts (
    county text NOT NULL,
    month date NOT NULL,
    township text NOT NULL,
    event text NOT NULL,
    category text NOT NULL,
    topic text NOT NULL,
    unit text NOT NULL,
    to_level text NOT NULL,
    outcome text NOT NULL,
    rating text NOT NULL,
    reason text NOT NULL,
    on_time text NOT NULL,
    n integer NOT NULL,
    PRIMARY KEY (county, month, township, event, category, topic, unit, to_level, outcome, rating, reason, on_time)
);

CREATE INDEX ledger_county_closed ON ledger (county, closed_at, issue_id) INCLUDE (category, topic) WHERE state = 'closed';
CREATE INDEX ledger_township_closed ON ledger (township, closed_at, issue_id) INCLUDE (category, topic) WHERE state = 'closed';
CREATE INDEX ledger_village_closed ON ledger (village, closed_at, issue_id) INCLUDE (category, topic) WHERE state = 'closed';
CREATE INDEX transitions_county_closed ON transitions (county, at) WHERE event = 'Closed';
CREATE INDEX transitions_township_closed ON transitions (township, at) WHERE event = 'Closed';
CREATE INDEX transitions_village_closed ON transitions (village, at) WHERE event = 'Closed';

INSERT INTO ledger_counts
SELECT county, township, village, state, category, topic, coalesce(level, ''), coalesce(handler_unit, ''), count(*)
FROM ledger
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8;

INSERT INTO transition_counts
SELECT county, date_trunc('month', timezone('Asia/Shanghai', at))::date, township, event, category, topic, coalesce(unit, ''), coalesce(to_level, ''),
    coalesce(outcome, ''), coalesce(rating, ''), coalesce(reason, ''), CASE on_time WHEN true THEN 'kept' WHEN false THEN 'missed' ELSE '' END, count(*)
FROM transitions
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12;
