-- A login for the owner and one for each kind of program whose password is in the environment, for psql 15 or newer:
--   PG_OWNER_PASSWORD=… PG_FETCHER_PASSWORD=… psql -v ON_ERROR_STOP=1 -f roles.sql -f logins.sql
-- `switchboard_all` is for a process with every role and for commands beside it. Running it again sets the passwords that are given; to
-- change one without a gap, make a second login and grant it the same role.
\set owner ''
\set scheduler ''
\set fetcher ''
\set normalizer ''
\set steward ''
\set desk ''
\set all ''
\getenv owner PG_OWNER_PASSWORD
\getenv scheduler PG_SCHEDULER_PASSWORD
\getenv fetcher PG_FETCHER_PASSWORD
\getenv normalizer PG_NORMALIZER_PASSWORD
\getenv steward PG_STEWARD_PASSWORD
\getenv desk PG_DESK_PASSWORD
\getenv all PG_ALL_PASSWORD

SELECT CASE WHEN to_regrole(login) IS NULL THEN format('CREATE ROLE %I', login) END,
       format('ALTER ROLE %I LOGIN PASSWORD %L NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION', login, password),
       'GRANT ' || roles || format(' TO %I', login) -- nothing where there are none
FROM (VALUES
    ('switchboard', :'owner', NULL),
    ('switchboard_scheduler_login', :'scheduler', 'switchboard_scheduler'),
    ('switchboard_fetcher_login', :'fetcher', 'switchboard_fetcher'),
    ('switchboard_normalizer_login', :'normalizer', 'switchboard_normalizer'),
    ('switchboard_steward_login', :'steward', 'switchboard_steward'),
    ('switchboard_desk_login', :'desk', 'switchboard_desk'),
    ('switchboard_all', :'all',
     'switchboard_scheduler, switchboard_fetcher, switchboard_normalizer, switchboard_steward, switchboard_desk')
) AS given (login, password, roles)
WHERE password <> '' \gexec
