//! A CRM taken in whole, and its next increment when nothing has changed: processor time of everything together, beside the bare writing
//! of the same rows, and beside a bare pipeline from the same pages to them.

use secrecy::ExposeSecret as _;
use simulator::{CrmKind, DocumentSize, WorkspaceSpec};
use store::testing::TestDatabase;

use crate::child::Bare;
use crate::cpu::{Cpu, Programs};
use crate::pipeline;
use crate::stage::{Stage, TENANT, workspace};

/// Contacts of an account.
const CONTACTS_PER_ACCOUNT: usize = 10;

/// Companies, contacts, deals and owners.
const STREAMS: i64 = 4;

/// One round: ours and bare, one after the other.
pub(crate) struct Round {
    pub(crate) ours: Cpu,
    pub(crate) again: Cpu,
    pub(crate) bare: Cpu,
    pub(crate) pipeline: Cpu,
    /// Accounts, contacts and deals.
    pub(crate) records: u64,
}

/// Measures once.
pub(crate) async fn measure(contacts: usize) -> anyhow::Result<Round> {
    let accounts = contacts / CONTACTS_PER_ACCOUNT;
    // an account each has a deal
    let records = contacts + 2 * accounts;
    let stage = Stage::set(&["scheduler", "fetcher", "normalizer", "steward"]).await?;
    stage.stand.tenant(portal(accounts)).await;
    let ours = stage
        .spent(async {
            stage.connect_hubspot().await;
            taken_in(&stage, records).await
        })
        .await?;
    let again = stage.spent(increment(&stage)).await?;
    let bare = spent_bare(&stage).await?;
    let (vendor, token) = (stage.stand.hubspot_url(), stage.stand.world().hubspot_token(TENANT)?);
    let pipeline = pipeline::spent_bare(&stage, "pipeline-records", &vendor, &token).await?;
    stage.clear().await;
    Ok(Round { ours, again, bare, pipeline, records: records as u64 })
}

/// A HubSpot of so many accounts, and nobody who calls them.
fn portal(accounts: usize) -> WorkspaceSpec {
    WorkspaceSpec {
        accounts,
        contacts_per_account: CONTACTS_PER_ACCOUNT,
        crm: CrmKind::HubSpot,
        ..workspace(DocumentSize::Tiny, 0)
    }
}

/// Waits until everything is stored and settled, and every change of an account has been looked at for calls that it moves.
async fn taken_in(stage: &Stage, records: usize) -> anyhow::Result<()> {
    stage.settled("bootstrap", 0).await?;
    stage.reach("linking again", "SELECT -count(*) FROM account_changes", 0).await?;
    let rows = "SELECT (SELECT count(*) FROM accounts) + (SELECT count(*) FROM contacts) + (SELECT count(*) FROM deals)";
    let stored = stage.number(rows).await?;
    anyhow::ensure!(stored == i64::try_from(records)?, "{stored} of {records} records are stored");
    Ok(())
}

/// Asks what has changed; nothing has.
async fn increment(stage: &Stage) -> anyhow::Result<()> {
    let settled = "SELECT count(*) FROM sync_runs WHERE kind = 'periodic' AND state = 'settled'";
    let before = stage.number(settled).await?;
    stage.stand.ok(&["sync", &format!("{TENANT}/hubspot")]).await;
    stage.reach("an increment", settled, before + STREAMS).await
}

async fn spent_bare(stage: &Stage) -> anyhow::Result<Cpu> {
    let target = TestDatabase::fresh().await;
    let source = stage.stand.database.admin_url();
    let mut bare = Bare::start("write-records", source.expose_secret(), &target, TENANT, &[]).await?;
    stage.checkpoint().await?;
    let programs = Programs::with_servers(vec![("bare".to_owned(), bare.pid)])?;
    let before = programs.read()?;
    bare.work().await?;
    let spent = programs.read()? - before;
    bare.end().await?;
    target.finish().await;
    Ok(spent)
}
