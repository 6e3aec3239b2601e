//! `key`: the master key that seals credentials.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use secrets::{Keyring, Owner, Vault};
use serde_json::json;
use store::Speaker;
use store::credential::{self, Holding};

use crate::context::Context;
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Make a key file that only you can read; never overwrites one. Name it in SWITCHBOARD_MASTER_KEY_FILE, keep a copy safe.
    New {
        /// The file to make.
        file: PathBuf,
    },
    /// Put a fresh key in front of the file's and seal every credential anew. Restart the fetchers afterwards.
    Rotate,
}

pub(crate) async fn run(context: &Context, args: KeyArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        KeyCommand::New { file } => {
            let keyring = Keyring::create_file(&file)?;
            report(
                context,
                &keyring.current_id(),
                None,
                &format!("made key {} in {}", keyring.current_id(), file.display()),
            )
        }
        KeyCommand::Rotate => rotate(context).await,
    }
}

async fn rotate(context: &Context) -> anyhow::Result<ExitCode> {
    let store = context.migrated_store().await?;
    // the file first: a credential must never be sealed under a key that is nowhere
    let keyring = Keyring::rotate_file(&context.key_file()?)?;
    let (key_id, vault) = (keyring.current_id(), Vault::sealed(keyring));
    let tx = store.begin(Speaker::Everybody).await?;
    let credentials = credential::lock_sealed(&tx).await?;
    for Holding { tenant, connection_id, generation, kept } in &credentials {
        let owner = Owner { tenant, connection_id: *connection_id };
        let fresh = vault
            .carry_over(owner, (*generation, kept), *generation)
            .with_context(|| format!("connection {connection_id}; nothing was changed"))?;
        credential::keep_anew(&tx, *connection_id, *generation, &fresh).await?;
    }
    tx.commit().await?;
    let words = format!(
        "sealed {} credentials under key {key_id}; restart the fetchers, so that they read the file again",
        credentials.len()
    );
    report(context, &key_id, Some(credentials.len()), &words)
}

fn report(
    context: &Context,
    key_id: &str,
    credentials: Option<usize>,
    words: &str,
) -> anyhow::Result<ExitCode> {
    if context.json {
        let mut report = json!({ "key_id": key_id });
        if let Some(credentials) = credentials {
            report["credentials"] = credentials.into();
        }
        output::json(&report)?;
    } else {
        output::say!("{words}");
    }
    Ok(ExitCode::SUCCESS)
}
