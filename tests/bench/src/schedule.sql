-- Notes when a connection was due, as its schedule moves on.
CREATE TABLE was_due (connection_id uuid PRIMARY KEY, due_at timestamptz NOT NULL);
CREATE FUNCTION note_due() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO was_due VALUES (old.connection_id, old.due_at)
    ON CONFLICT (connection_id) DO UPDATE SET due_at = excluded.due_at;
    RETURN NULL;
END $$;
CREATE TRIGGER note_due AFTER UPDATE OF due_at ON streams FOR EACH ROW EXECUTE FUNCTION note_due();
