//! Normalizing into a store that holds very many conversations already, and into an empty one.

use anyhow::Context as _;
use simulator::DocumentSize;

use crate::cpu::Cpu;
use crate::drain;
use crate::stage::{Stage, UNLIMITED, workspace_named};

/// One round.
pub(crate) struct Round {
    pub(crate) empty: Cpu,
    pub(crate) grown: Cpu,
}

/// Measures some rounds in one pair of stores; filling the large one takes the most time.
pub(crate) async fn measure(
    conversations: u64,
    documents: u64,
    rounds: usize,
    mut done: impl FnMut(&Round),
) -> anyhow::Result<Vec<Round>> {
    let (mut empty, mut grown) = (Stage::set(&[]).await?, Stage::set(&[]).await?);
    grown.stand.database.fill(conversations).await;
    let mut all = Vec::new();
    for round in 1..=rounds {
        let tenant = format!("round-{round}");
        let one = Round {
            empty: normalize(&mut empty, &tenant, documents).await?,
            grown: normalize(&mut grown, &tenant, documents).await?,
        };
        done(&one);
        all.push(one);
    }
    for stage in [empty, grown] {
        stage.discard().await;
    }
    Ok(all)
}

/// What a normalizer that has just started and PostgreSQL spend on a full queue of a tenant of its own.
async fn normalize(stage: &mut Stage, tenant: &str, documents: u64) -> anyhow::Result<Cpu> {
    let wanted = i64::try_from(documents).context("few")?;
    stage.add_tenant(workspace_named(tenant, DocumentSize::Small, documents)).await;
    for role in ["scheduler", "fetcher", "steward"] {
        stage.start(role).await;
    }
    stage.stand.connect(tenant, &format!("{tenant}-key"), &UNLIMITED).await;
    drain::fill(stage, tenant, wanted).await?;
    stage.stop().await;
    stage.start("normalizer").await;
    let stored = format!("SELECT count(*) FROM conversations WHERE tenant_id = '{tenant}'");
    let spent = stage.spent(async { stage.reach("normalizing", &stored, wanted).await }).await?;
    stage.stop().await;
    Ok(spent)
}
