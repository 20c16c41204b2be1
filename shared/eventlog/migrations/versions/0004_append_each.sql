-- As in 0002, but the heads are locked first, in their own order, so that it is known which streams have moved on before any is written:
-- no subtransaction for each, and so no limit of 50. A stream that does not exist yet is only appended to by log.append.
CREATE OR REPLACE FUNCTION log.append_each(p_streams text[], p_aggregate text, p_after integer[], p_prevhash text[], p_bodies text[])
RETURNS text[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    moved text[] := '{}';
    entry record;
BEGIN
    PERFORM FROM log.streams WHERE stream = ANY (p_streams) ORDER BY stream FOR UPDATE;
    FOR entry IN
        SELECT entries.*, head.version = entries.after AND head.hash = entries.prevhash AS at_head
        FROM unnest(p_streams, p_after, p_prevhash, p_bodies) AS entries (stream, after, prevhash, body)
        LEFT JOIN log.streams AS head USING (stream)
        ORDER BY stream
    LOOP
        IF entry.at_head THEN
            PERFORM log.append(entry.stream, p_aggregate, entry.after, entry.prevhash, ARRAY[entry.body]);
        ELSE
            moved := moved || entry.stream;
        END IF;
    END LOOP;
    RETURN moved;
END $$;
