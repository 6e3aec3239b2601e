-- One role per kind of program, without a password: what each may do is granted to them by `switchboard migrate`. Run once per server, by
-- whoever may make roles, before the first `migrate`; running it again changes nothing.
DO $$
DECLARE
    program text;
BEGIN
    FOREACH program IN ARRAY ARRAY['scheduler', 'fetcher', 'normalizer', 'steward', 'desk'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'switchboard_' || program) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', 'switchboard_' || program);
        END IF;
    END LOOP;
END
$$;
