//! Linking conversations again after a domain has passed to another account, beside normalizing the same conversations, and a live
//! sync of another tenant meanwhile.

use anyhow::Context as _;
use simulator::{Change, DocumentSize, Shares, WorkspaceSpec};
use tokio::time::Instant;

use crate::cpu::Cpu;
use crate::drain::fill;
use crate::report::median;
use crate::stage::{Stage, TENANT, workspace};

/// The tenant that syncs meanwhile, and what it asks for, call by call; its vendor's limit decides how long that takes, as in production.
const LIVE: &str = "live";
const LIVE_CALLS: u64 = 100;
const LIVE_OPTIONS: [&str; 6] = ["--backfill-days", "0", "--requests-per-second", "20", "--in-flight", "4"];

/// Syncs of which the median counts, undisturbed and disturbed.
const SYNCS: usize = 3;

/// The account to which the domain passes.
const HEIR: &str = "heir";

/// One round; both costs are of one conversation.
pub(crate) struct Round {
    pub(crate) normalizing: Cpu,
    pub(crate) relinking: Cpu,
    pub(crate) calm: f64,
    pub(crate) disturbed: f64,
}

/// Measures once: so many documents are normalized, and copies of the conversations of one account linked again.
pub(crate) async fn measure(documents: u64, conversations: u64) -> anyhow::Result<Round> {
    let mut stage = Stage::set(&["scheduler", "fetcher", "steward"]).await?;
    stage.add_tenant(workspace(DocumentSize::Small, documents)).await;
    stage.connect().await;
    let normalizing = normalize(&mut stage, documents).await?;
    for role in ["scheduler", "fetcher"] {
        stage.start(role).await;
    }
    stage.settled("bootstrap", documents).await?;
    let domain = Domain::of(&stage).await?;
    domain.multiply(&stage, conversations).await?;
    add_live_tenant(&stage).await?;

    let mut times = Vec::new();
    for round in 0..SYNCS {
        times.push(live_sync(&stage, round).await?);
    }
    let calm = median(&times);
    let relinking = stage
        .spent(async {
            domain.pass(&stage, true).await?;
            relinked(&stage).await
        })
        .await?;
    domain.check(&stage, HEIR, conversations).await?;
    let disturbed = disturbed_syncs(&stage, &domain).await?;
    relinked(&stage).await?;
    domain.check(&stage, &domain.owner.0, conversations).await?;
    stage.clear().await;
    Ok(Round { normalizing, relinking: relinking.per(conversations as f64), calm, disturbed })
}

/// What a document costs from a full queue to its rows: of all but the first tenth, so that the start of the process does not count.
async fn normalize(stage: &mut Stage, documents: u64) -> anyhow::Result<Cpu> {
    fill(stage, TENANT, i64::try_from(documents)?).await?;
    stage.stop().await;
    stage.checkpoint().await?;
    stage.start("normalizer").await;
    let stored = "SELECT count(*) FROM conversations";
    stage.reach("starting to drain", stored, i64::try_from(documents / 10)?).await?;
    let programs = stage.programs()?;
    let (before, first) = (programs.read()?, stage.number(stored).await?);
    stage.reach("draining", stored, i64::try_from(documents)?).await?;
    Ok((programs.read()? - before).per(documents as f64 - first as f64))
}

/// Until every conversation is linked and matched again.
async fn relinked(stage: &Stage) -> anyhow::Result<()> {
    let left = "SELECT -(SELECT count(*) FROM account_changes)
                       -coalesce((SELECT sum(cardinality(conversation_ids)) FROM resolve_batches), 0)::bigint";
    stage.reach("linking again", left, 0).await
}

/// A domain by which conversations are on an account.
struct Domain {
    name: String,
    /// The account's id at its source, and its name.
    owner: (String, String),
    /// Its other domains, separated by semicolons.
    others: String,
}

impl Domain {
    /// The one of the most conversations.
    async fn of(stage: &Stage) -> anyhow::Result<Self> {
        let sql = format!(
            "SELECT p.domain, a.external_id, a.name, coalesce((
                 SELECT string_agg(o.domain, ';') FROM account_domains o
                 WHERE o.tenant_id = a.tenant_id AND o.account_id = a.account_id AND o.domain <> p.domain), '')
             FROM participants p
             JOIN account_domains d USING (tenant_id, domain) JOIN accounts a USING (tenant_id, account_id)
             WHERE p.side = 'external' AND tenant_id = '{TENANT}'
             GROUP BY p.domain, a.tenant_id, a.account_id ORDER BY count(DISTINCT p.conversation_id) DESC, 1 LIMIT 1"
        );
        let row = stage.row(&sql).await?;
        Ok(Self { name: row.get(0), owner: (row.get(1), row.get(2)), others: row.get(3) })
    }

    /// Copies the conversations with people of the domain until there are so many: everything of each, some hours earlier, with
    /// guests whom no contact knows, so that the domain alone decides.
    async fn multiply(&self, stage: &Stage, conversations: u64) -> anyhow::Result<()> {
        let sql = include_str!("relink.sql");
        let settings = format!("SET copies.domain = '{}'; SET copies.wanted = {conversations};", self.name);
        stage.stand.database.execute(&format!("{settings}{sql}")).await;
        stage.stand.database.execute("VACUUM ANALYZE").await;
        relinked(stage).await
    }

    /// Gives the domain to the heir, or back, as an import of accounts would.
    async fn pass(&self, stage: &Stage, to_heir: bool) -> anyhow::Result<()> {
        let own = if to_heir { self.others.clone() } else { format!("{};{}", self.name, self.others) };
        let heirs = if to_heir { &self.name } else { "" };
        let lines = [
            "external_id,name,domains".to_owned(),
            format!("{},\"{}\",{}", self.owner.0, self.owner.1, own.trim_end_matches(';')),
            format!("{HEIR},The heir,{heirs}"),
        ];
        let file = stage.stand.path("passed.csv");
        std::fs::write(&file, lines.join("\n") + "\n").context("cannot write a file")?;
        stage.stand.ok(&["accounts", "import", "--tenant", TENANT, &file.display().to_string()]).await;
        Ok(())
    }

    /// Linking again is measured only if it was done.
    async fn check(&self, stage: &Stage, on: &str, conversations: u64) -> anyhow::Result<()> {
        let sql = format!(
            "SELECT count(*) FROM conversations c JOIN accounts a USING (tenant_id, account_id)
             WHERE a.external_id = '{on}' AND c.external_id LIKE 'copy %'"
        );
        let found = stage.number(&sql).await?;
        anyhow::ensure!(found == i64::try_from(conversations)?, "{found} conversations are on {on}");
        Ok(())
    }
}

async fn add_live_tenant(stage: &Stage) -> anyhow::Result<()> {
    let spec = WorkspaceSpec {
        conversations: LIVE_CALLS,
        days: 1,
        shares: Shares::NONE,
        document_size: DocumentSize::Tiny,
        ..WorkspaceSpec::named(LIVE)
    };
    stage.stand.connected(spec, &LIVE_OPTIONS).await;
    let stored = format!("SELECT count(*) FROM conversations WHERE tenant_id = '{LIVE}'");
    stage.reach("the live tenant's first sync", &stored, i64::try_from(LIVE_CALLS)?).await?;
    let open = "SELECT -count(*) FROM sync_runs WHERE state NOT IN ('settled', 'failed')";
    stage.reach("settling", open, 0).await?;
    relinked(stage).await
}

/// Gives every call of the live tenant a new title; returns the seconds until these are in, the run has settled, and the calls'
/// meetings are found.
async fn live_sync(stage: &Stage, round: usize) -> anyhow::Result<f64> {
    let world = stage.stand.world();
    let calls: Vec<String> = world.truth(LIVE)?.map(|one| one.id).collect();
    for id in calls {
        let title = format!("{id} in round {round}");
        world.change(LIVE, Change::SetTitle { id, title })?;
    }
    let settled = format!(
        "SELECT count(*) FROM sync_runs
         WHERE tenant_id = '{LIVE}' AND stream = 'conversations' AND kind = 'periodic' AND state = 'settled'"
    );
    let before = stage.number(&settled).await?;
    let began = Instant::now();
    stage.stand.ok(&["sync", &format!("{LIVE}/attention")]).await;
    stage.reach("a live sync", &settled, before + 1).await?;
    let unmatched = format!("SELECT -count(*) FROM resolve_batches WHERE tenant_id = '{LIVE}'");
    stage.reach("matching of live calls", &unmatched, 0).await?;
    let took = began.elapsed();
    let new = format!(
        "SELECT count(*) FROM conversations WHERE tenant_id = '{LIVE}' AND title LIKE '% in round {round}'"
    );
    anyhow::ensure!(stage.number(&new).await? == i64::try_from(LIVE_CALLS)?, "not all calls came in");
    Ok(took.as_secs_f64())
}

/// The same while the conversations of the other tenant are linked again; only what ended before they were is counted.
async fn disturbed_syncs(stage: &Stage, domain: &Domain) -> anyhow::Result<f64> {
    let left = format!("SELECT count(*) FROM resolve_batches WHERE tenant_id = '{TENANT}'");
    domain.pass(stage, false).await?;
    stage.reach("handing out", &left, 1).await?;
    let mut times = Vec::new();
    while times.len() < SYNCS {
        let took = live_sync(stage, SYNCS + times.len()).await?;
        if stage.number(&left).await? == 0 {
            break;
        }
        times.push(took);
    }
    anyhow::ensure!(!times.is_empty(), "all is linked again before one live sync has ended: link more");
    Ok(median(&times))
}
