-- Conversations are linked and matched again long after they were written. Where their page has room for that, no index learns of it:
-- without room one link touched eight pages of indexes, and after a checkpoint each of them is written to the log in full.
ALTER TABLE conversations SET (fillfactor = 80);
ALTER TABLE participants SET (fillfactor = 85);
