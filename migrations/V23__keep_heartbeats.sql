CREATE TABLE heartbeats (
    role text PRIMARY KEY,
    seen_at timestamptz NOT NULL
);
COMMENT ON TABLE heartbeats IS 'When each role without a queue of its own was last at work. Holds nothing of any tenant.';
COMMENT ON COLUMN heartbeats.seen_at IS 'By the database''s clock; any process of the role moves it.';
