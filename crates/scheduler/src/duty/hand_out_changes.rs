//! Hands out conversations whose accounts changed, to be linked again.

use crate::Deps;

pub(super) async fn perform(_deps: &Deps) -> anyhow::Result<u64> {
    Ok(0)
}
