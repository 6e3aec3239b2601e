ALTER TABLE vendor_budgets ADD COLUMN requests_per_day integer CHECK (requests_per_day > 0);
COMMENT ON COLUMN vendor_budgets.requests_per_day IS 'What the vendor allows within any 24 hours; null where it names no limit.';

CREATE TABLE vendor_hours (
    vendor text NOT NULL,
    vendor_account text NOT NULL,
    share text NOT NULL CHECK (share IN ('live', 'follow-up', 'backfill', 'replay')),
    hour timestamptz NOT NULL,
    requests integer NOT NULL,
    PRIMARY KEY (vendor, vendor_account, share, hour),
    FOREIGN KEY (vendor, vendor_account) REFERENCES vendor_budgets ON DELETE CASCADE
);
COMMENT ON TABLE vendor_hours IS
    'Requests by hour and share, of accounts with a daily limit. Vendors do not say when their day begins: what holds for any 24 hours holds for each of their days.';

-- What each share may still spend. Live work may take what the others leave; they leave it a fifth of the day at least.
CREATE VIEW vendor_shares WITH (security_invoker = true) AS
SELECT b.vendor, b.vendor_account, b.requests_per_day, s.share,
       ceil(b.requests_per_day * s.part)::integer AS allowed, u.used, u.total,
       greatest(0, least(ceil(b.requests_per_day * s.part)::bigint - u.used, b.requests_per_day - u.total)) AS left_over,
       CASE WHEN u.total >= b.requests_per_day THEN u.oldest ELSE u.oldest_of_share END + interval '25 hours' AS more_at
FROM vendor_budgets b
CROSS JOIN (VALUES ('live', 1.0), ('follow-up', 0.2), ('backfill', 0.5), ('replay', 0.1)) AS s (share, part)
CROSS JOIN LATERAL (
    SELECT coalesce(sum(requests) FILTER (WHERE h.share = s.share), 0) AS used, coalesce(sum(requests), 0) AS total,
           min(hour) FILTER (WHERE h.share = s.share) AS oldest_of_share, min(hour) AS oldest
    FROM vendor_hours h
    WHERE h.vendor = b.vendor AND h.vendor_account = b.vendor_account
      -- an hour counts until no request in it can be younger than a day
      AND h.hour > clock_timestamp() - interval '25 hours') AS u
WHERE b.requests_per_day IS NOT NULL;
COMMENT ON VIEW vendor_shares IS 'What each share of an account''s day may still spend, and when it gets more.';

ALTER TABLE sync_runs ADD COLUMN replayed boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN sync_runs.replayed IS 'Planned again by a replay: it spends the replays'' share of the day.';

CREATE FUNCTION run_share(kind text, replayed boolean) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN replayed THEN 'replay' WHEN kind = 'periodic' THEN 'live' WHEN kind = 'follow-up' THEN 'follow-up'
                ELSE 'backfill' END
$$;
COMMENT ON FUNCTION run_share IS 'The share of the day that a run spends.';

-- What blocks each open run: what blocks its connection, else that its share of the day is spent.
CREATE VIEW run_blocks WITH (security_invoker = true) AS
SELECT r.run_id, coalesce(b.cause, CASE WHEN s.left_over = 0 THEN 'quota' END) AS cause
FROM sync_runs r
JOIN connections c USING (connection_id)
JOIN connection_blocks b USING (connection_id)
LEFT JOIN vendor_shares s ON s.vendor = c.vendor AND s.vendor_account = c.vendor_account
    AND s.share = run_share(r.kind, r.replayed)
WHERE r.state IN ('planned', 'listing', 'parked');
COMMENT ON VIEW run_blocks IS 'What blocks an open run now; null when nothing does.';
