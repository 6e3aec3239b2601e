//! Sync now, or a window of the past.

use anyhow::bail;
use model::{RunKind, Window};
use store::connection::Connection;
use store::{SliceLength, Speaker, Store, run_plan, stream};

/// Makes the periodic run due now; a scheduler plans it within its tick.
pub async fn now(store: &Store, connection: &Connection) -> anyhow::Result<()> {
    check(connection)?;
    let tx = store.begin(Speaker::Tenant(&connection.tenant)).await?;
    stream::make_due(&tx, connection.id).await?;
    tx.commit().await?;
    Ok(())
}

/// Plans a backfill of a window that ends after it begins, in slices; returns how many.
pub async fn window(
    store: &Store,
    connection: &Connection,
    window: Window,
    length: SliceLength,
) -> anyhow::Result<u64> {
    check(connection)?;
    let tx = store.begin(Speaker::Tenant(&connection.tenant)).await?;
    let now = run_plan::database_now(&tx).await?;
    if window.from >= now {
        bail!("the window lies in the future: it begins at {}", window.from);
    }
    let window = Window { to: window.to.min(now), ..window };
    let mut planned = 0;
    let streams = stream::of_connection(&tx, connection.id).await?;
    // what every run lists whole has no window
    for stream in streams.into_iter().filter(|stream| !stream.is_listed_whole()) {
        let kind = RunKind::Backfill;
        planned +=
            run_plan::plan_slices(&tx, &connection.tenant, connection.id, stream, kind, window, length)
                .await?;
    }
    tx.commit().await?;
    Ok(planned)
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
