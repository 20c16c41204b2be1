-- Many streams in one call and one transaction: a roll-out appends one event to each of them. Streams that have moved on are left
-- as they are and returned; anything else that is wrong ends the transaction. At most 50: each takes a subtransaction, and more than 64
-- make every snapshot of the server slower. Streams are locked in their own order, so that two such calls cannot wait for each other.
CREATE FUNCTION log.append_each(p_streams text[], p_aggregate text, p_after integer[], p_prevhash text[], p_bodies text[]) RETURNS text[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    moved text[] := '{}';
    entry record;
BEGIN
    IF cardinality(p_streams) > 50 THEN
        RAISE EXCEPTION 'at most 50 streams at once, not %', cardinality(p_streams) USING ERRCODE = 'ZH422';
    END IF;
    FOR entry IN
        SELECT * FROM unnest(p_streams, p_after, p_prevhash, p_bodies) AS entries (stream, after, prevhash, body) ORDER BY stream
    LOOP
        BEGIN
            PERFORM log.append(entry.stream, p_aggregate, entry.after, entry.prevhash, ARRAY[entry.body]);
        EXCEPTION WHEN SQLSTATE 'ZH409' THEN
            moved := moved || entry.stream;
        END;
    END LOOP;
    RETURN moved;
END $$;
REVOKE EXECUTE ON FUNCTION log.append_each FROM PUBLIC;
GRANT EXECUTE ON FUNCTION log.append_each TO routing;
