-- An account at a vendor may go by several names, which come and go: a Gong company by each of its workspaces. Whoever connects to it by
-- any of them shares its limits.
CREATE TABLE vendor_account_names (
    vendor text NOT NULL,
    name text NOT NULL,
    vendor_account text NOT NULL,
    PRIMARY KEY (vendor, name)
);
COMMENT ON TABLE vendor_account_names IS 'By what an account at a vendor has been known. Holds nothing of any tenant.';
COMMENT ON COLUMN vendor_account_names.name IS 'An id or a host that is this account''s alone.';
COMMENT ON COLUMN vendor_account_names.vendor_account IS 'The account, as connections and limits name it.';

INSERT INTO vendor_account_names (vendor, name, vendor_account)
SELECT vendor, vendor_account, vendor_account FROM vendor_budgets WHERE vendor = 'gong';
