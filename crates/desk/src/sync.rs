//! Sync now, or a window of the past.

use anyhow::bail;
use jiff::{SignedDuration, Timestamp};
use model::{RunKind, Stream, Window};
use store::connection::Connection;
use store::{Speaker, Store, run_plan, stream};

/// Length of the slices a window is cut into.
const SLICE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How far a slice reaches back into its older neighbour.
const OVERLAP: SignedDuration = SignedDuration::from_hours(1);

/// Makes the periodic run due now; a scheduler plans it within its tick.
pub async fn now(store: &Store, connection: &Connection) -> anyhow::Result<()> {
    check(connection)?;
    let tx = store.begin(Speaker::Tenant(&connection.tenant)).await?;
    stream::make_due(&tx, connection.id).await?;
    tx.commit().await?;
    Ok(())
}

/// Plans a backfill of a window, in slices; returns how many.
pub async fn window(
    store: &Store,
    connection: &Connection,
    from: Timestamp,
    to: Timestamp,
) -> anyhow::Result<usize> {
    check(connection)?;
    if from >= to {
        bail!("the window ends before it begins: {from} to {to}");
    }
    let tx = store.begin(Speaker::Tenant(&connection.tenant)).await?;
    let now = run_plan::database_now(&tx).await?;
    if from >= now {
        bail!("the window lies in the future: it begins at {from}");
    }
    let slices = Window { from, to: to.min(now) }.slices(SLICE, OVERLAP);
    for slice in &slices {
        let tenant = &connection.tenant;
        run_plan::plan(&tx, tenant, connection.id, Stream::Conversations, RunKind::Backfill, *slice).await?;
    }
    tx.commit().await?;
    Ok(slices.len())
}

/// Makes the rolling, list-only walk over all history due now.
pub async fn walk(store: &Store, connection: &Connection) -> anyhow::Result<()> {
    check(connection)?;
    let tx = store.begin(Speaker::Tenant(&connection.tenant)).await?;
    stream::make_walk_due(&tx, connection.id).await?;
    tx.commit().await?;
    Ok(())
}

fn check(connection: &Connection) -> anyhow::Result<()> {
    if connection.disconnected_at.is_some() {
        bail!("the connection is disconnected: connect it again first");
    }
    Ok(())
}
