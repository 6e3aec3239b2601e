//! The version of what a vendor returned.

use serde::{Deserialize, Serialize};

/// When a vendor was asked, by the database's clock, in microseconds since 1970: the newer asking wins, whatever
/// arrives first. It comes with the permit for the request, so no worker's clock takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub i64);
