//! The line of the runbook for each cause.

/// What to do about letters of a class that died at a stage. A class that is not known here is a bug's or another program's.
pub(super) fn line(stage: &str, class: &str) -> &'static str {
    match class {
        "mapping" => {
            "the vendor's document is not what the mapping expects: read one (`dead show`); mend the mapping and replay, or edit one that is broken"
        }
        "data" => {
            "Postgres refuses the record: the error names the column; mend the mapping or the schema and replay"
        }
        "claim-missing" => {
            "its large document was not put away, or was swept: discard it, and fetch its day again (`sync --from --to`)"
        }
        "undecodable" => {
            "no worker can read the message: were workers rolled back to an older version? update them and replay; discard what is not ours"
        }
        "delivery-limit" => {
            "workers ended while they had it: look for crashes or out-of-memory kills of that role before replaying, one at a time"
        }
        "attempts-exhausted" => {
            "every attempt failed: the error names the last reason; replay when it is mended"
        }
        "unexplained" => {
            "put into the dead letters by hand or by another program: find out by whom, then replay or discard"
        }
        "vendor-credential" => "connect again with a good credential (`connections`), then replay",
        "vendor-missing-scope" | "vendor-forbidden" => {
            "the customer must grant the scope or permission that the error names; then replay"
        }
        "vendor-transient" | "vendor-too-long" | "vendor-rate-limited" => {
            "the vendor had an outage or a bad hour: replay when `status` shows its connections running"
        }
        "vendor-not-found" => {
            "the vendor does not know it any more: discard, unless a person can still open it there"
        }
        "vendor-bad-request"
        | "vendor-unexpected-shape"
        | "vendor-cursor-expired"
        | "cursor-expired"
        | "endless-list" => {
            "the vendor's API is not what we expect: compare with its documentation; mend the connector and replay"
        }
        "vendor-too-large" => {
            "one answer of the vendor is larger than allowed: raise the limit or discard it"
        }
        "vendor-redirect" | "base-url" => {
            "the address of the connection is wrong or has moved: connect again with the right one, then replay"
        }
        "no-token" | "sealed-credential" => {
            "the credential cannot be opened: is the master key, or the access to the secret store, the right one? then replay"
        }
        "store" => "the database refused what it should take: the error says what; mend it and replay",
        "vendor-stream" => "the connection was asked for what its vendor does not have: a bug; discard",
        _ => match stage {
            "fetch" => "a later sync of its window closes it by itself; replay to have it now",
            "detail" => "the vendor is asked for this record again when it is replayed",
            _ => "the error names the reason: mend it, then replay",
        },
    }
}
