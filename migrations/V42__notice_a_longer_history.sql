-- Whoever changes how much history is wanted has it looked at, be it a program from before the column.
CREATE FUNCTION note_history_unplanned() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE streams SET history_unplanned = true WHERE connection_id = new.connection_id;
    RETURN NULL;
END $$;
CREATE TRIGGER note_history_unplanned AFTER UPDATE OF backfill_days ON connections
    FOR EACH ROW WHEN (old.backfill_days IS DISTINCT FROM new.backfill_days) EXECUTE FUNCTION note_history_unplanned();
