CREATE TABLE desk_actions (
    action_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id text,
    acted_at timestamptz NOT NULL DEFAULT now(),
    operator text NOT NULL,
    action text NOT NULL,
    chosen jsonb NOT NULL,
    letters bigint NOT NULL,
    words text
);
COMMENT ON TABLE desk_actions IS 'What operators did about dead letters: who, when, what, how many. Only ever added to.';
COMMENT ON COLUMN desk_actions.tenant_id IS 'The tenant it was confined to; null when it may touch any, and is seen only by work across tenants.';
COMMENT ON COLUMN desk_actions.operator IS 'Who, by SWITCHBOARD_OPERATOR or the name they are logged in under; for people to read, proves nothing.';
COMMENT ON COLUMN desk_actions.chosen IS 'Which letters were meant: the filter, as it was given. A note names its group.';
COMMENT ON COLUMN desk_actions.letters IS 'How many it changed.';
COMMENT ON COLUMN desk_actions.words IS 'The reason, or the note.';
CREATE INDEX desk_actions_by_group ON desk_actions ((chosen ->> 'group'), action_id DESC);
CALL guard_by_tenant('desk_actions');

ALTER TABLE dead_letters
    ADD COLUMN letter_group text NOT NULL GENERATED ALWAYS AS
        (left(md5(error_class || '|' || stage || '|' || coalesce(vendor, '') || '|' || fingerprint), 8)) STORED,
    ADD COLUMN forgotten_at timestamptz;
COMMENT ON COLUMN dead_letters.letter_group IS 'Short name of its cause: class, stage, vendor and fingerprint.';
COMMENT ON COLUMN dead_letters.forgotten_at IS 'When the message of a discarded letter was forgotten; until then it can be restored.';
DROP INDEX dead_letters_groups;
CREATE INDEX dead_letters_by_group ON dead_letters (letter_group, state);
CREATE INDEX dead_letters_to_forget ON dead_letters (resolved_at) WHERE state = 'discarded' AND forgotten_at IS NULL;
