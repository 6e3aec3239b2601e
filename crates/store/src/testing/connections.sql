-- Connections with `connections.count` accounts of a vendor, ten of a tenant, each due every `connections.interval_s` seconds; all of
-- them have a history that is listed, and ten settled runs. The first is due in ten seconds, the others evenly after it.

SET session_replication_role = replica;

CREATE TEMPORARY VIEW sizes AS
SELECT current_setting('connections.count')::integer AS n, current_setting('connections.interval_s')::integer AS interval_s;

CREATE TEMPORARY VIEW made AS
SELECT i, md5('connection ' || i)::uuid AS id, 'tenant-' || i / 10 AS tenant, 'account-' || i AS account, interval_s,
       now() - interval '30 days' AS since, now() + interval '10 s' + i * make_interval(secs => interval_s) / n AS due_at
FROM sizes, generate_series(0, n - 1) AS i;

INSERT INTO tenants (tenant_id, name, domains, gate_opened_at)
SELECT DISTINCT tenant, 'A tenant', ARRAY[tenant || '.com'], now() FROM made;

INSERT INTO connections (connection_id, tenant_id, vendor, vendor_account, base_url, interval_s, credential_generation, credential_state,
    created_at, connected_at)
SELECT id, tenant, 'attention', account, 'https://localhost', interval_s, 1, 'valid', since, since FROM made;

INSERT INTO credentials (connection_id, generation, tenant_id, key_id, sealed)
SELECT id, 1, tenant, 'key', sha256(account::bytea) FROM made;

INSERT INTO vendor_budgets (vendor, vendor_account, requests_per_second, in_flight_max)
SELECT 'attention', account, 5, 2 FROM made;

INSERT INTO streams (connection_id, stream, tenant_id, live_from, covered, due_at, bootstrapped_from, walk_due_at, last_call_at,
    history_unplanned)
SELECT id, 'conversations', tenant, since, tstzmultirange(tstzrange(since, now())), due_at, since - interval '90 days',
       now() + interval '5 days', now(), false
FROM made;

INSERT INTO sync_runs (run_id, tenant_id, connection_id, stream, kind, lane, window_from, window_to, state, planned_at, started_at, listed_at,
    ended_at)
SELECT gen_random_uuid(), tenant, id, 'conversations', 'periodic', 'live', at - interval '2 days', at, 'settled', at, at, at, at
FROM made, generate_series(1, 10) AS run, LATERAL (SELECT now() - run * make_interval(secs => interval_s) AS at) AS times;

DROP VIEW made, sizes;
RESET session_replication_role;
