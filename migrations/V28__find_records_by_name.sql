-- Who looks for a record knows its id or its address, not whose it is.
CREATE INDEX intake_by_vendor_key ON intake (vendor_key);
DROP INDEX intake_by_key;

-- an address may be longer than a tree takes
CREATE INDEX conversations_by_url ON conversations USING hash (url);
