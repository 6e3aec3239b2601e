ALTER TABLE vendor_budgets
    ADD COLUMN day_limit_told integer CHECK (day_limit_told > 0),
    ADD COLUMN day_used_told integer,
    ADD COLUMN day_told_at timestamptz;
COMMENT ON COLUMN vendor_budgets.day_limit_told IS
    'How many requests the account has in a day for everybody who asks it, as the vendor last said; null where it says nothing.';
COMMENT ON COLUMN vendor_budgets.day_used_told IS
    'How many of them were used, by whomever, as the vendor last said; our own requests since then are counted up.';
COMMENT ON COLUMN vendor_budgets.day_told_at IS 'When it said so.';

-- What others use now nobody knows for long: after half an hour it is asked for again.
CREATE FUNCTION day_left_told(day_limit integer, used integer, told_at timestamptz) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN told_at > now() - interval '30 minutes' THEN greatest(0, day_limit - used)::bigint END
$$;
COMMENT ON FUNCTION day_left_told IS 'What an account''s day has left for everybody, by what the vendor said lately; null when it said nothing.';

CREATE OR REPLACE VIEW vendor_shares WITH (security_invoker = true) AS
SELECT b.vendor, b.vendor_account, b.requests_per_day, s.share,
       ceil(d.per_day * s.part)::integer AS allowed, u.used, u.total,
       greatest(0, least(l.ours, l.everybodys)) AS left_over,
       CASE WHEN l.ours > 0 AND l.everybodys <= 0 THEN b.day_told_at + interval '30 minutes'
            WHEN u.total >= d.per_day THEN u.oldest + interval '25 hours'
            ELSE u.oldest_of_share + interval '25 hours' END AS more_at
FROM vendor_budgets b
CROSS JOIN (VALUES ('live', 1.0), ('follow-up', 0.2), ('backfill', 0.5), ('replay', 0.1)) AS s (share, part)
CROSS JOIN LATERAL (
    SELECT t.left_told, coalesce(b.requests_per_day, CASE WHEN t.left_told IS NOT NULL THEN b.day_limit_told END) AS per_day
    FROM (SELECT day_left_told(b.day_limit_told, b.day_used_told, b.day_told_at) AS left_told) AS t) AS d
CROSS JOIN LATERAL (
    SELECT coalesce(sum(requests) FILTER (WHERE h.share = s.share), 0) AS used, coalesce(sum(requests), 0) AS total,
           min(hour) FILTER (WHERE h.share = s.share) AS oldest_of_share, min(hour) AS oldest
    FROM vendor_hours h
    WHERE h.vendor = b.vendor AND h.vendor_account = b.vendor_account
      -- an hour counts until no request in it can be younger than a day
      AND h.hour > clock_timestamp() - interval '25 hours') AS u
CROSS JOIN LATERAL (
    SELECT least(ceil(d.per_day * s.part)::bigint - u.used, d.per_day - u.total) AS ours,
           -- of what all who ask the account have left, a fifth of our day is live work's
           d.left_told - CASE WHEN s.share = 'live' THEN 0 ELSE ceil(d.per_day * 0.2)::bigint END AS everybodys) AS l
WHERE d.per_day IS NOT NULL;
COMMENT ON VIEW vendor_shares IS
    'What each share of an account''s day may still spend, of ours and of what everybody has left there, and when it gets more.';
