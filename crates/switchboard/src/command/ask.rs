//! Asking a person before something is gone for good.

use std::io::{IsTerminal as _, Write as _};

use anyhow::bail;

/// Asks whether to do `what`; an error where nobody can be asked.
pub(crate) fn confirmed(what: &str) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("would {what}: say --yes where nobody can be asked");
    }
    eprint!("{what}? [y/N] ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
