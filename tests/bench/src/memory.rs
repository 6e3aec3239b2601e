//! Resident memory of every role while very many documents pass.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use simulator::DocumentSize;
use tokio::time::{Instant, interval};

use crate::stage::{ROLES, Stage, workspace};

/// What was seen.
pub(crate) struct Peaks {
    /// Of each role, in MB.
    pub(crate) by_role: Vec<(String, f64)>,
    pub(crate) per_second: f64,
}

/// Measures once.
pub(crate) async fn measure(size: DocumentSize, documents: u64) -> anyhow::Result<Peaks> {
    let stage = Stage::set(&ROLES).await?;
    stage.add_tenant(workspace(size, documents)).await;
    let began = Instant::now();
    stage.connect().await;
    let finished = async { stage.settled("bootstrap", documents).await };
    tokio::select! {
        done = finished => done?,
        shown = show(&stage, documents) => shown?,
    }
    let per_second = documents as f64 / began.elapsed().as_secs_f64();
    let by_role = stage.peaks_mb()?;
    stage.clear().await;
    Ok(Peaks { by_role, per_second })
}

/// A line that says how far it is, for a person who watches.
async fn show(stage: &Stage, documents: u64) -> anyhow::Result<()> {
    let mut look = interval(Duration::from_secs(2));
    loop {
        look.tick().await;
        if std::io::stderr().is_terminal() {
            let stored = stage.number("SELECT count(*) FROM conversations").await?;
            let mut errors = std::io::stderr().lock();
            write!(errors, "\r\x1b[K   {stored} of {documents} documents stored\r")?;
        }
    }
}
