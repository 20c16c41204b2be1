-- Schema `log`: the one event log (architecture, decisions 1 to 3). Owned by log_owner; run as log_owner.
-- Roles have one way in, log.append; nobody changes or removes an event.

CREATE TABLE log.streams (
    stream    text    PRIMARY KEY,
    aggregate text    NOT NULL,
    region    text,
    version   integer NOT NULL,
    hash      text
) WITH (fillfactor = 70);
COMMENT ON TABLE log.streams IS 'Head row of every stream: its lock makes version n+1 writable only when n is visible.';

CREATE TABLE log.events (
    stream      text        NOT NULL,
    version     integer     NOT NULL CHECK (version > 0),
    id          uuid        NOT NULL UNIQUE,
    type        text        NOT NULL,
    aggregate   text        NOT NULL,
    region      text,
    time        timestamptz NOT NULL,
    body        text        NOT NULL,
    hash        text        NOT NULL,
    recorded_by text        NOT NULL,
    PRIMARY KEY (stream, version)
);
COMMENT ON COLUMN log.events.body IS 'The exact bytes that are published: a CloudEvent. The other columns are read out of it.';

CREATE TABLE log.emitters (
    role text NOT NULL,
    type text NOT NULL,
    PRIMARY KEY (role, type)
);
COMMENT ON TABLE log.emitters IS 'Which role may append which type; filled from shared.contracts at every bootstrap.';

CREATE TABLE log.outbox (
    position bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id       uuid        NOT NULL UNIQUE REFERENCES log.events (id),
    at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE log.outbox IS 'Events that the relay has yet to publish.';

CREATE TABLE log.published (
    position bigint PRIMARY KEY CHECK (position > 0),
    id       uuid   NOT NULL UNIQUE REFERENCES log.events (id),
    chain    text   NOT NULL
);
COMMENT ON TABLE log.published IS
    'The total order: gapless positions; chain = sha256(chain before, then hash of the event), the chain before the first is empty.';

CREATE TABLE log.republications (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    requested_by text        NOT NULL DEFAULT session_user,
    requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at  timestamptz,
    sent         bigint      NOT NULL DEFAULT 0,
    total        bigint,
    outcome      text
);
COMMENT ON TABLE log.republications IS 'Requests of operators to fill JetStream again, and how far the relay is.';

CREATE FUNCTION log.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on log.% is refused: the log only grows', TG_OP, TG_TABLE_NAME USING ERRCODE = 'ZH403';
END $$;

CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON log.events FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();
CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON log.published FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();
CREATE TRIGGER only_grows BEFORE DELETE OR TRUNCATE ON log.streams FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();

-- Append `bodies` to `stream`, whose last event is number `after` with hash `prevhash` (0 and null for a new stream).
-- ZH409: somebody else appended first; ZH403: this role does not emit that type; ZH422: a body contradicts itself or the stream.
CREATE FUNCTION log.append(p_stream text, p_aggregate text, p_after integer, p_prevhash text, p_bodies text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    head  log.streams;
    body  text;
    event record;
BEGIN
    IF p_after = 0 THEN
        INSERT INTO log.streams (stream, aggregate, version) VALUES (p_stream, p_aggregate, 0) ON CONFLICT DO NOTHING;
    END IF;
    SELECT * INTO head FROM log.streams WHERE stream = p_stream FOR UPDATE;
    IF NOT FOUND OR head.version <> p_after OR head.hash IS DISTINCT FROM p_prevhash THEN
        RAISE EXCEPTION 'stream % is at version %, not %', p_stream, coalesce(head.version, 0), p_after USING ERRCODE = 'ZH409';
    END IF;
    IF head.aggregate <> p_aggregate OR coalesce(cardinality(p_bodies), 0) = 0 THEN
        RAISE EXCEPTION 'stream % is of %, and an append has at least one event', p_stream, head.aggregate USING ERRCODE = 'ZH422';
    END IF;

    FOREACH body IN ARRAY p_bodies LOOP
        SELECT * INTO event FROM jsonb_to_record(body::jsonb) AS fields (
            id uuid, source text, type text, subject text, "time" timestamptz, region text, streamversion integer, prevhash text, hash text);
        IF NOT EXISTS (SELECT FROM log.emitters WHERE role = session_user AND type = event.type) THEN
            RAISE EXCEPTION 'role % may not emit %', session_user, event.type USING ERRCODE = 'ZH403';
        END IF;
        IF event.source IS DISTINCT FROM '/huiyin/' || session_user
            OR split_part(event.type, '.', 2) <> p_aggregate
            OR event.subject IS DISTINCT FROM p_stream
            OR event.streamversion IS DISTINCT FROM head.version + 1
            OR event.prevhash IS DISTINCT FROM head.hash
            OR (head.version > 0 AND event.region IS DISTINCT FROM head.region)
            -- one that NATS would not take would stop the relay for ever (its limit is 1 MB)
            OR octet_length(body) > 512 * 1024
            -- the body ends in `,"hash":"<64 digits>"}`, and the hash is that of all that stands before it
            OR right(body, 75) IS DISTINCT FROM ',"hash":"' || event.hash || '"}'
            OR event.hash IS DISTINCT FROM encode(sha256(convert_to(left(body, -75) || '}', 'UTF8')), 'hex')
        THEN
            RAISE EXCEPTION 'event % does not fit stream % after version %', event.id, p_stream, head.version USING ERRCODE = 'ZH422';
        END IF;
        head.version := head.version + 1;
        head.hash := event.hash;
        head.region := event.region;
        INSERT INTO log.events (stream, version, id, type, aggregate, region, time, body, hash, recorded_by)
            VALUES (p_stream, head.version, event.id, event.type, p_aggregate, event.region, event.time, body, event.hash, session_user);
        INSERT INTO log.outbox (id) VALUES (event.id);
    END LOOP;

    UPDATE log.streams SET version = head.version, hash = head.hash, region = head.region WHERE stream = p_stream;
END $$;

-- The relay published these events in this order: out of the outbox, into the total order. Returns the last position.
CREATE FUNCTION log.move(p_ids uuid[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    last  log.published;
    moved integer;
    event record;
BEGIN
    LOCK TABLE log.published IN EXCLUSIVE MODE;
    SELECT * INTO last FROM log.published ORDER BY position DESC LIMIT 1;
    IF NOT FOUND THEN
        last.position := 0;
        last.chain := '';
    END IF;
    DELETE FROM log.outbox WHERE id = ANY (p_ids);
    GET DIAGNOSTICS moved = ROW_COUNT;
    IF moved <> cardinality(p_ids) THEN
        RAISE EXCEPTION 'only % of % events are in the outbox', moved, cardinality(p_ids) USING ERRCODE = 'ZH422';
    END IF;
    FOR event IN
        SELECT e.id, e.hash FROM unnest(p_ids) WITH ORDINALITY AS given (id, nth) JOIN log.events AS e USING (id) ORDER BY nth
    LOOP
        last.position := last.position + 1;
        last.id := event.id;
        last.chain := encode(sha256(convert_to(last.chain || event.hash, 'UTF8')), 'hex');
        INSERT INTO log.published VALUES (last.*);
    END LOOP;
    RETURN last.position;
END $$;

-- How many events wait to be published, and how many seconds the oldest of them has waited.
CREATE FUNCTION log.relay_lag(OUT waiting bigint, OUT seconds double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(at)), 0) FROM log.outbox
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA log FROM PUBLIC;
GRANT USAGE ON SCHEMA log TO intake, routing, tracking, notify, relay, operator;
GRANT EXECUTE ON FUNCTION log.append TO intake, routing, notify;
GRANT EXECUTE ON FUNCTION log.relay_lag TO intake, routing, tracking, notify, relay, operator;
GRANT EXECUTE ON FUNCTION log.move TO relay;
GRANT SELECT ON log.streams, log.events, log.published TO intake, routing, tracking, notify, relay, operator;
GRANT SELECT ON log.outbox, log.republications TO relay, operator;
GRANT SELECT ON log.emitters TO operator;
GRANT INSERT (requested_by) ON log.republications TO operator;
GRANT UPDATE (finished_at, sent, total, outcome) ON log.republications TO relay;
