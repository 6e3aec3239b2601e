ALTER TABLE dead_letters ADD COLUMN edited_body bytea COMPRESSION lz4;
COMMENT ON COLUMN dead_letters.edited_body IS
    'What a person made of the message: sent instead of it. The message stays as it was in body; null again, it is the one that is sent.';
