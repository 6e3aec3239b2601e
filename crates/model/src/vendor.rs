//! The vendors, as closed sets.

/// A name that is not in its closed set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} {given:?}")]
pub struct UnknownName {
    /// What was to be named.
    pub what: &'static str,
    /// The name that was given.
    pub given: String,
}

/// Declares a closed set of names: an enum whose text form is the same in SQL, messages, labels and output.
macro_rules! names {
    ($(#[$doc:meta])* $name:ident, $what:literal, { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $text)] $variant),+
        }

        impl $name {
            /// Every member, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The one text form, used in SQL, messages, labels and output.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::UnknownName;
            fn from_str(text: &str) -> Result<Self, $crate::UnknownName> {
                Self::ALL.iter().copied().find(|member| member.as_str() == text).ok_or_else(|| $crate::UnknownName {
                    what: $what,
                    given: text.chars().take(80).collect(),
                })
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use names;

names!(
    /// A source of conversations, or of the accounts they belong to.
    Vendor, "vendor", {
        /// attention.tech
        Attention = "attention",
        /// gong.io
        Gong = "gong",
        /// hubspot.com
        HubSpot = "hubspot",
        /// salesforce.com
        Salesforce = "salesforce",
    }
);

impl Vendor {
    /// Whether it keeps accounts instead of conversations.
    pub const fn is_crm(self) -> bool {
        match self {
            Self::HubSpot | Self::Salesforce => true,
            Self::Attention | Self::Gong => false,
        }
    }
}
