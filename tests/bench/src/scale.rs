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

/// How many conversations are worked on for one cost: no conversation twice in all rounds, so that each has something new to be written.
pub(crate) fn conversations(rounds: usize) -> u64 {
    SMALL / (2 * (rounds as u64 + 1)) / BATCH * BATCH
}

/// Measures some rounds in one pair of tenants; filling the large one takes the most time.
pub(crate) async fn measure(
    large: u64,
    rounds: usize,
    mut done: impl FnMut(&Round),
) -> anyhow::Result<Vec<Round>> {
    let (small, large) = (Tenant::of(SMALL).await?, Tenant::of(large).await?);
    let mut all = Vec::new();
    // the first is not counted: its statements are planned, and its pages come from the disk
    for round in 0..=rounds {
        let [linking, matching] = [true, false];
        let one = Round {
            linking: cost(&small, &large, round, rounds, linking).await?,
            matching: cost(&small, &large, round, rounds, matching).await?,
        };
        if round > 0 {
            done(&one);
            all.push(one);
        }
    }
    for tenant in [small, large] {
        tenant.stage.clear().await;
    }
    Ok(all)
}

async fn cost(
    small: &Tenant,
    large: &Tenant,
    round: usize,
    rounds: usize,
    links: bool,
) -> anyhow::Result<Costs> {
    let share = 2 * round as u64 + u64::from(links);
    Ok(Costs {
        small: small.work(share, rounds, links).await?,
        large: large.work(share, rounds, links).await?,
    })
}

struct Tenant {
    stage: Stage,
}

impl Tenant {
    async fn of(conversations: u64) -> anyhow::Result<Self> {
        anyhow::ensure!(
            conversations >= SMALL,
            "the large tenant has to have {SMALL} conversations at least"
        );
        let mut stage = Stage::set(&[]).await?;
        stage.stand.database.fill(conversations).await;
        let order = ORDER.replace("$conversations", &conversations.to_string());
        stage.stand.database.execute(&order.replace("$worked_on", &SMALL.to_string())).await;
        stage.stand.database.execute(AUTOVACUUM_OFF).await;
        for role in ["scheduler", "normalizer"] {
            stage.start(role).await;
        }
        Ok(Self { stage })
    }

    /// Has a share of the conversations linked, or only matched again.
    async fn work(&self, share: u64, rounds: usize, links: bool) -> anyhow::Result<Cpu> {
        let count = conversations(rounds);
        anyhow::ensure!(count > 0, "too many rounds for so few conversations");
        let first = share * count;
        let batches = format!(
            "INSERT INTO resolve_batches (batch_id, tenant_id, conversation_ids, changed_at, relinks)
             SELECT gen_random_uuid(), 'many', array_agg(id ORDER BY place), now(), {links}
             FROM in_order WHERE place >= {first} AND place < {first} + {count} GROUP BY place / {BATCH}"
        );
        let spent = self
            .stage
            .spent(async {
                self.stage.stand.database.execute(&batches).await;
                self.stage.reach("linking again", "SELECT -count(*) FROM resolve_batches", 0).await
            })
            .await?;
        let linked = "SELECT count(*) FROM conversations WHERE link_rule_version > 0";
        let expected = i64::try_from(count).context("few")?;
        anyhow::ensure!(!links || self.stage.number(linked).await? >= expected, "nothing was linked");
        Ok(spent)
    }
}
