-- A tenant of as many conversations as `many.conversations` says, with accounts, contacts and users in proportion, over two years:
-- however large it is, its people have about as many calls a day, and every tenth call was recorded by two vendors.

SET session_replication_role = replica;

-- built at the end, an index costs a tenth
CREATE TEMPORARY TABLE put_off AS
SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
FROM pg_index WHERE NOT indisunique
  AND indrelid = ANY (ARRAY['contacts', 'conversations', 'participants', 'linked_records', 'intake']::regclass[]);
DO $$ BEGIN EXECUTE (SELECT 'DROP INDEX ' || string_agg(name, ', ') FROM put_off); END $$;

CREATE TEMPORARY VIEW sizes AS
SELECT n, greatest(n / 50, 10) AS accounts, greatest(n / 1000, 4) AS users, timestamptz '2024-01-01' AS since
FROM (SELECT current_setting('many.conversations')::integer) AS given (n);

INSERT INTO tenants (tenant_id, name, domains, gate_opened_at) VALUES ('many', 'Many', '{many.com}', now());

INSERT INTO connections (connection_id, tenant_id, vendor, vendor_account, base_url)
SELECT md5('connection ' || vendor)::uuid, 'many', vendor, vendor || ' of many', 'https://localhost'
FROM unnest(ARRAY['attention', 'gong']) AS v (vendor);

INSERT INTO users (connection_id, external_id, tenant_id, name, email, email_key)
SELECT md5('connection attention')::uuid, 'user-' || u, 'many', 'User ' || u, 'user-' || u || '@many.com', 'user-' || u || '@many.com'
FROM sizes, generate_series(0, users - 1) AS u;

INSERT INTO accounts (tenant_id, account_id, source, external_id, name, created_at)
SELECT 'many', md5('account ' || a)::uuid, 'csv', 'account-' || a, 'Account ' || a, since + a * interval '1 s'
FROM sizes, generate_series(0, accounts - 1) AS a;

INSERT INTO account_domains (tenant_id, domain, account_id)
SELECT 'many', 'customer-' || a || '.com', md5('account ' || a)::uuid FROM sizes, generate_series(0, accounts - 1) AS a;

INSERT INTO contacts (tenant_id, source, external_id, account_id, name, email, email_key)
SELECT 'many', 'csv', email, md5('account ' || c / 10)::uuid, 'Contact ' || c, email, email
FROM sizes, generate_series(0, accounts * 10 - 1) AS c,
     LATERAL (SELECT 'contact-' || c % 10 || '@customer-' || c / 10 || '.com') AS address (email);

-- `same` is the number of the meeting, which a second recorder's copy shares with the first; `lot` decides who took part
CREATE TEMPORARY VIEW calls AS
SELECT i, md5('conversation ' || i)::uuid AS id, CASE WHEN i = same THEN 'attention' ELSE 'gong' END AS vendor, same,
       abs(hashint4(same)) AS lot, since + same * (interval '730 days' / n) + (i - same) * interval '40 s' AS started_at, accounts, users
FROM sizes, generate_series(0, n - 1) AS i, LATERAL (SELECT i - (i % 10 = 9)::integer) AS m (same);

INSERT INTO conversations (conversation_id, tenant_id, connection_id, vendor, vendor_account, external_id, version, title, url,
    started_at, ended_at, duration_s, platform, internal, private, transcript_status, summary, meeting_id, join_key, calendar_key,
    account_id, link_rule, linked_at)
SELECT id, 'many', md5('connection ' || vendor)::uuid, vendor, vendor || ' of many', 'call-' || i, 1, 'Call ' || i,
       'https://localhost/calls/' || i, started_at, started_at + interval '30 minutes', 1800, 'zoom', false, false, 'ready', 'Said.',
       md5('conversation ' || same)::uuid, CASE lot % 3 WHEN 0 THEN 'zoom/' || lot % users END,
       CASE lot % 3 WHEN 1 THEN 'series-' || lot % accounts END, md5('account ' || lot % accounts)::uuid, 'contact', now()
FROM calls;

INSERT INTO participants (conversation_id, ordinal, tenant_id, name, email, email_key, domain, side, started_at)
SELECT id, ordinal - 1, 'many', 'Somebody', email, email, split_part(email, '@', 2),
       CASE WHEN ordinal > 2 THEN 'external' ELSE 'internal' END, started_at
FROM calls, unnest(ARRAY[
    'user-' || lot % users || '@many.com', 'user-' || (lot + 1) % users || '@many.com',
    'contact-' || lot / 7 % 10 || '@customer-' || lot % accounts || '.com', 'guest-' || lot / 11 % 10 || '@customer-' || lot % accounts || '.com'
]) WITH ORDINALITY AS p (email, ordinal);

INSERT INTO transcripts (conversation_id, tenant_id, body, segments, speakers)
SELECT id, 'many', 'Hello.', '{0,1000,0,6}', '{Somebody}' FROM calls;

INSERT INTO linked_records (conversation_id, ordinal, tenant_id, external_id, code)
SELECT id, 0, 'many', 'account-' || lot % accounts, 'account' FROM calls WHERE lot % 7 = 0;

INSERT INTO intake (connection_id, vendor_key, tenant_id, listed_version, listed_at, first_listed_at, stored_version, document_version,
    stored_at, changed_version)
SELECT md5('connection ' || vendor)::uuid, 'call-' || i, 'many', 1, started_at, started_at, 1, 1, started_at, 1 FROM calls;

SET maintenance_work_mem = '256MB';
DO $$ BEGIN EXECUTE (SELECT string_agg(definition, '; ') FROM put_off); END $$;
RESET maintenance_work_mem;

DROP VIEW calls, sizes;
DROP TABLE put_off;
RESET session_replication_role;
