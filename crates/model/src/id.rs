//! Ids as newtypes, so that one kind cannot be passed for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Vendor;

/// An id that is not of its form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {given:?} is not valid: {expected}")]
pub struct InvalidId {
    what: &'static str,
    given: String,
    expected: &'static str,
}

/// Namespace of every derived id; never changed, or every stored id would.
const NAMESPACE: Uuid = Uuid::from_u128(0x5d1c_9a2e_7b1f_4c38_9f0a_2f6f_51b7_c0de);

/// Derives a UUID v5 from parts, each length-prefixed so that `("ab", "c")` and `("a", "bc")` differ.
pub fn derived_uuid(parts: &[&[u8]]) -> Uuid {
    let mut name = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        name.extend_from_slice(&(part.len() as u64).to_be_bytes());
        name.extend_from_slice(part);
    }
    Uuid::new_v5(&NAMESPACE, &name)
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Parses the usual text form of a UUID.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                Uuid::parse_str(text).map(Self).map_err(|_| InvalidId {
                    what: $what,
                    given: text.to_owned(),
                    expected: "expected a UUID",
                })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::parse(text)
            }
        }
    };
}

uuid_id!(
    /// A tenant's connection to one account of a vendor.
    ConnectionId, "connection id"
);
uuid_id!(
    /// One run of the ledger.
    RunId, "run id"
);
uuid_id!(
    /// A conversation, derived from tenant, vendor, vendor account and the vendor's id.
    ConversationId, "conversation id"
);
uuid_id!(
    /// A meeting: the id of the conversation that it is named after.
    MeetingId, "meeting id"
);
uuid_id!(
    /// A customer account, derived from tenant, source and external id.
    AccountId, "account id"
);
uuid_id!(
    /// A filed dead letter, derived from its queue and body.
    DeadLetterId, "dead letter id"
);
uuid_id!(
    /// A replay of dead letters.
    ReplayId, "replay id"
);
uuid_id!(
    /// A batch of conversations to be linked again.
    ResolveBatchId, "resolve batch id"
);
uuid_id!(
    /// An event of the outbox, derived from what it tells of where that must be unique.
    EventId, "event id"
);

impl ConnectionId {
    /// Derives the id, so that connecting the same vendor account again is a reconnect.
    pub fn derive(tenant: &TenantId, vendor: Vendor, account: &VendorAccount) -> Self {
        Self(derived_uuid(&[
            b"connection",
            tenant.as_str().as_bytes(),
            vendor.as_str().as_bytes(),
            account.as_str().as_bytes(),
        ]))
    }
}

impl ConversationId {
    /// Derives the id, so that a redelivery needs no look-up.
    pub fn derive(tenant: &TenantId, vendor: Vendor, account: &VendorAccount, key: &VendorKey) -> Self {
        Self(derived_uuid(&[
            b"conversation",
            tenant.as_str().as_bytes(),
            vendor.as_str().as_bytes(),
            account.as_str().as_bytes(),
            key.as_str().as_bytes(),
        ]))
    }
}

impl MeetingId {
    /// The meeting whose first copy is this conversation.
    pub fn named_after(first: ConversationId) -> Self {
        Self(first.0)
    }
}

impl AccountId {
    /// Derives the id from where the account comes from and its id there.
    pub fn derive(tenant: &TenantId, source: &str, external_id: &str) -> Self {
        Self(derived_uuid(&[
            b"account",
            tenant.as_str().as_bytes(),
            source.as_bytes(),
            external_id.as_bytes(),
        ]))
    }
}

impl DeadLetterId {
    /// Derives the id from origin queue and body, so that filing is idempotent.
    pub fn derive(origin_queue: &str, body: &[u8]) -> Self {
        Self(derived_uuid(&[b"dead letter", origin_queue.as_bytes(), body]))
    }
}

impl EventId {
    /// Derives the id of an event that may exist once only, from its key.
    pub fn derive(event_key: &str) -> Self {
        Self(derived_uuid(&[b"event", event_key.as_bytes()]))
    }
}

/// A tenant, named by a person: lower-case letters, digits, `-` and `_`, at most 63.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantId(String);

impl TenantId {
    /// Parses a tenant's id.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let fits = (1..=63).contains(&text.len())
            && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
            && text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if fits {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidId {
            what: "tenant id",
            given: text.chars().take(80).collect(),
            expected: "expected 1 to 63 of a-z, 0-9, '-' and '_', beginning with a letter or digit",
        })
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TenantId {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        Self::parse(&text)
    }
}

impl From<TenantId> for String {
    fn from(id: TenantId) -> Self {
        id.0
    }
}

impl FromStr for TenantId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::parse(text)
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $bytes_max:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The longest text kept as it is, in bytes; a longer one is replaced by its hash, because it is part
            /// of an index key and Postgres limits those.
            pub const BYTES_MAX: usize = $bytes_max;

            /// Takes the text as it is: opaque, never parsed. NUL characters, which Postgres cannot store, and
            /// texts over [`Self::BYTES_MAX`] are replaced by a hash of the whole.
            pub fn of(text: &str) -> Self {
                if text.len() <= Self::BYTES_MAX && !text.is_empty() && !text.contains('\0') {
                    return Self(text.to_owned());
                }
                Self(format!("sha256:{}", crate::ContentHash::of(text.as_bytes())))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

text_id!(
    /// The vendor's own workspace, portal or organisation: what budgets and ids hang on.
    VendorAccount, 400
);
text_id!(
    /// A record's id at its vendor; of a record without one, `sha256:` and the hash of its bytes.
    VendorKey, 400
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_derived_id_do_not_run_together() {
        assert_ne!(derived_uuid(&[b"ab", b"c"]), derived_uuid(&[b"a", b"bc"]));
    }

    #[test]
    fn a_tenant_id_is_a_short_lower_case_name() {
        assert!(TenantId::parse("acme-2").is_ok());
        for bad in ["", "Acme", "a b", "-a", "a\0", "ä", &"a".repeat(64)] {
            assert!(TenantId::parse(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn a_vendor_key_keeps_ids_beyond_64_bits_and_hashes_what_cannot_be_stored() {
        assert_eq!(VendorKey::of("9223372036854775808999").as_str(), "9223372036854775808999");
        assert!(VendorKey::of("a\0b").as_str().starts_with("sha256:"));
        assert!(VendorKey::of(&"x".repeat(5000)).as_str().starts_with("sha256:"));
    }
}
