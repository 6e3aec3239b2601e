-- A record's row is written when it is listed and again when it is stored. Where its page has room for the second, no index learns of it
-- and the first needs no vacuum.
ALTER TABLE intake SET (fillfactor = 50);
