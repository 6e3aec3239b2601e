-- A login for the owner and one for each kind of program whose password is in the environment, for psql 15 or newer:
--   PG_OWNER_PASSWORD=… PG_FETCHER_PASSWORD=… psql -v ON_ERROR_STOP=1 -f roles.sql -f logins.sql
-- `switchboard_all` is for a process with every role and for commands beside it. Running it again sets the passwords that are given; to
-- change one without a gap, make a second login and grant it the same role.
\set attributes 'NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION'

\getenv owner_password PG_OWNER_PASSWORD
\if :{?owner_password}
SELECT 'CREATE ROLE switchboard' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'switchboard') \gexec
ALTER ROLE switchboard LOGIN PASSWORD :'owner_password' :attributes;
\endif

\getenv scheduler_password PG_SCHEDULER_PASSWORD
\if :{?scheduler_password}
SELECT 'CREATE ROLE switchboard_scheduler_login' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'switchboard_scheduler_login') \gexec
ALTER ROLE switchboard_scheduler_login LOGIN PASSWORD :'scheduler_password' :attributes;
GRANT switchboard_scheduler TO switchboard_scheduler_login;
\endif

\getenv fetcher_password PG_FETCHER_PASSWORD
\if :{?fetcher_password}
SELECT 'CREATE ROLE switchboard_fetcher_login' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'switchboard_fetcher_login') \gexec
ALTER ROLE switchboard_fetcher_login LOGIN PASSWORD :'fetcher_password' :attributes;
GRANT switchboard_fetcher TO switchboard_fetcher_login;
\endif

\getenv normalizer_password PG_NORMALIZER_PASSWORD
\if :{?normalizer_password}
SELECT 'CREATE ROLE switchboard_normalizer_login' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'switchboard_normalizer_login') \gexec
ALTER ROLE switchboard_normalizer_login LOGIN PASSWORD :'normalizer_password' :attributes;
GRANT switchboard_normalizer TO switchboard_normalizer_login;
\endif

\getenv steward_password PG_STEWARD_PASSWORD
\if :{?steward_password}
SELECT 'CREATE ROLE switchboard_steward_login' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'switchboard_steward_login') \gexec
ALTER ROLE switchboard_steward_login LOGIN PASSWORD :'steward_password' :attributes;
GRANT switchboard_steward TO switchboard_steward_login;
\endif

\getenv desk_password PG_DESK_PASSWORD
\if :{?desk_password}
SELECT 'CREATE ROLE switchboard_desk_login' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'switchboard_desk_login') \gexec
ALTER ROLE switchboard_desk_login LOGIN PASSWORD :'desk_password' :attributes;
GRANT switchboard_desk TO switchboard_desk_login;
\endif

\getenv all_password PG_ALL_PASSWORD
\if :{?all_password}
SELECT 'CREATE ROLE switchboard_all' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'switchboard_all') \gexec
ALTER ROLE switchboard_all LOGIN PASSWORD :'all_password' :attributes;
GRANT switchboard_scheduler, switchboard_fetcher, switchboard_normalizer, switchboard_steward, switchboard_desk TO switchboard_all;
\endif
