//! Linking and matching again what is stored, in a small tenant and in one a hundred times as large.

use anyhow::Context as _;

use crate::cpu::Cpu;
use crate::stage::Stage;

/// The small tenant.
pub(crate) const SMALL: u64 = 10_000;

/// Conversations in a message, as the scheduler makes them.
const BATCH: u64 = 200;

/// It comes when it likes, and would be counted in whatever is measured just then.
const AUTOVACUUM_OFF: &str = "DO $$ DECLARE one regclass; BEGIN
         FOR one IN SELECT relid FROM pg_stat_user_tables LOOP
             EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = false)', one);
         END LOOP;
     END $$";

/// Indexes are built past the server's memory, and one that has been at work for a while has them there.
const WARM: &str = "CREATE EXTENSION pg_prewarm;
     DO $$ BEGIN
         PERFORM pg_prewarm(oid) FROM pg_class WHERE relkind IN ('r', 'i') AND relnamespace = 'public'::regnamespace;
     END $$";

/// Conversations in the order in which they are worked on: from all of the two years by chance, so that in either tenant they lie on as
/// many pages as they can, and as many of them have a copy, which comes next.
const ORDER: &str = "CREATE TABLE in_order AS
     SELECT md5('conversation ' || i)::uuid AS id, row_number() OVER (ORDER BY md5(same::text), i) - 1 AS place
     FROM generate_series(0, $conversations - 1) AS i, LATERAL (SELECT i - (i % 10 = 9)::integer) AS m (same)
     ORDER BY place LIMIT $worked_on";

/// What one kind of work cost in either tenant.
pub(crate) struct Costs {
    pub(crate) small: Cpu,
    pub(crate) large: Cpu,
}

/// One round.
pub(crate) struct Round {
    /// Finding account and meeting.
    pub(crate) linking: Costs,
    /// Finding the meeting alone.
    pub(crate) matching: Costs,
}

/// Conversations that are worked on before any is counted: statements are planned, and connections made.
const WARM_UP: u64 = 1_000;

/// Conversations that are worked on for one cost: all that the small tenant has left.
pub(crate) const WORKED_ON: u64 = (SMALL - WARM_UP) / 2 / BATCH * BATCH;

/// Measures some rounds in one large tenant, and a small one each: no conversation is worked on twice, so that each has something new to
/// be written. Filling the large one takes the most time.
pub(crate) async fn measure(
    large: u64,
    rounds: usize,
    mut done: impl FnMut(&Round),
) -> anyhow::Result<Vec<Round>> {
    let large = Tenant::of(large, rounds as u64).await?;
    let mut all = Vec::new();
    for round in 0..rounds as u64 {
        let small = Tenant::of(SMALL, 1).await?;
        let (mut of_small, mut of_large) = (0, round * SMALL);
        let mut cost = async |count, links| {
            let small = small.work(&mut of_small, count, links).await?;
            anyhow::Ok(Costs { small, large: large.work(&mut of_large, count, links).await? })
        };
        cost(WARM_UP, true).await?;
        let one = Round { linking: cost(WORKED_ON, true).await?, matching: cost(WORKED_ON, false).await? };
        small.stage.clear().await;
        done(&one);
        all.push(one);
    }
    large.stage.clear().await;
    Ok(all)
}

struct Tenant {
    stage: Stage,
}

impl Tenant {
    /// With conversations for so many rounds.
    async fn of(conversations: u64, rounds: u64) -> anyhow::Result<Self> {
        anyhow::ensure!(conversations >= SMALL * rounds, "{rounds} rounds take {SMALL} conversations each");
        let mut stage = Stage::set(&[]).await?;
        stage.stand.database.fill(conversations).await;
        let order = ORDER.replace("$conversations", &conversations.to_string());
        stage.stand.database.execute(&order.replace("$worked_on", &(SMALL * rounds).to_string())).await;
        stage.stand.database.execute(AUTOVACUUM_OFF).await;
        stage.stand.database.execute(WARM).await;
        for role in ["scheduler", "normalizer"] {
            stage.start(role).await;
        }
        Ok(Self { stage })
    }

    /// Has the next conversations linked, or only matched again.
    async fn work(&self, first: &mut u64, count: u64, links: bool) -> anyhow::Result<Cpu> {
        let (from, to) = (*first, *first + count);
        *first = to;
        let batches = format!(
            "INSERT INTO resolve_batches (batch_id, tenant_id, conversation_ids, changed_at, relinks)
             SELECT gen_random_uuid(), 'many', array_agg(id ORDER BY place), now(), {links}
             FROM in_order WHERE place >= {from} AND place < {to} GROUP BY place / {BATCH}"
        );
        let linked = "SELECT count(*) FROM conversations WHERE link_rule_version > 0";
        let before = self.stage.number(linked).await?;
        let spent = self
            .stage
            .spent(async {
                self.stage.stand.database.execute(&batches).await;
                self.stage.reach("linking again", "SELECT -count(*) FROM resolve_batches", 0).await
            })
            .await?;
        let expected = before + i64::try_from(count).context("few")?;
        anyhow::ensure!(!links || self.stage.number(linked).await? >= expected, "not all were linked");
        Ok(spent)
    }
}
