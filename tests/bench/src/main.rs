#![doc = include_str!("../README.md")]

mod bare;
mod child;
mod cpu;
mod drain;
mod limit;
mod memory;
mod pipeline;
mod report;
mod rows;
mod stage;

use std::time::Duration;

use anyhow::bail;
use clap::{Parser, Subcommand, ValueEnum};
use runtime::Shutdown;
use simulator::DocumentSize;

use crate::report::{Bound, Figure, median, per_document};

/// Measures speed and memory, each as a ratio within one run.
#[derive(Debug, Parser)]
struct Cli {
    /// What to measure; everything by default.
    #[arg(value_enum)]
    what: Vec<Measurement>,
    /// Rounds, of which the median counts; ours and the bare side take turns.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Documents of 36 KB in a round of `pipeline` and `drain`; of the large ones a quarter.
    #[arg(long, default_value_t = 2_000)]
    documents: u64,
    /// Documents that pass while memory is watched.
    #[arg(long, default_value_t = 100_000)]
    memory_documents: u64,
    /// One JSON object a figure.
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    child: Option<Child>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Measurement {
    /// Processor time from the vendor's pages to rows, and of the same again unchanged.
    Pipeline,
    /// Rate at which a full queue is drained.
    Drain,
    /// Use of the vendor's limit.
    Limit,
    /// Resident memory.
    Memory,
}

#[derive(Debug, Subcommand)]
enum Child {
    /// The bare side; the bench starts it by itself.
    #[command(subcommand, hide = true)]
    Bare(bare::Task),
}

const SIZES: [(DocumentSize, &str, f64); 2] =
    [(DocumentSize::Small, "36 KB", 100.0), (DocumentSize::Large, "175 KB", 150.0)];

/// For processes to be killed, after a signal.
const GRACE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    if let Some(Child::Bare(task)) = cli.child {
        return bare::perform(task).await;
    }
    let shutdown = Shutdown::new();
    runtime::run_until_signal(GRACE, shutdown.clone(), async {
        tokio::select! {
            measured = Box::pin(measure(&cli)) => measured,
            // what is dropped with the measurement takes its processes along
            () = shutdown.begun() => bail!("the bench was ended before its end"),
        }
    })
    .await
}

async fn measure(cli: &Cli) -> anyhow::Result<()> {
    let is_wanted = |what| cli.what.is_empty() || cli.what.contains(&what);
    let mut figures = Vec::new();
    if is_wanted(Measurement::Limit) {
        figures.extend(limit().await?);
    }
    for (size, name, memory_mb) in SIZES {
        let documents = if size == DocumentSize::Large { cli.documents / 4 } else { cli.documents };
        if is_wanted(Measurement::Pipeline) {
            figures.extend(pipeline(size, name, documents, cli.rounds).await?);
        }
        if is_wanted(Measurement::Drain) {
            figures.push(drain(size, name, documents, cli.rounds).await?);
        }
        if is_wanted(Measurement::Memory) {
            figures.extend(memory(size, name, cli.memory_documents, memory_mb).await?);
        }
    }
    report::print(&figures, cli.json)
}

fn say(text: &str) {
    let mut errors = std::io::stderr().lock();
    // a bench without a terminal measures all the same
    let _ = std::io::Write::write_fmt(&mut errors, format_args!("bench: {text}\n"));
}

async fn pipeline(
    size: DocumentSize,
    name: &str,
    documents: u64,
    rounds: usize,
) -> anyhow::Result<Vec<Figure>> {
    let mut all = Vec::new();
    for round in 1..=rounds {
        let one = pipeline::measure(size, documents).await?;
        say(&format!(
            "pipeline {name}, round {round} of {rounds}: ours {:.2} s, bare {:.2} s, again {:.2} s of processor time",
            one.ours.total(),
            one.bare.total(),
            one.again.total()
        ));
        all.push(one);
    }
    let ratio: Vec<f64> = all.iter().map(|round| round.ours.total() / round.bare.total()).collect();
    let again: Vec<f64> = all.iter().map(|round| round.again.total() / round.ours.total()).collect();
    let ours = per_document(&all.iter().map(|round| &round.ours).collect::<Vec<_>>(), documents);
    let bare = per_document(&all.iter().map(|round| &round.bare).collect::<Vec<_>>(), documents);
    let twice = per_document(&all.iter().map(|round| &round.again).collect::<Vec<_>>(), documents);
    Ok(vec![
        Figure::of(
            format!("page to rows, {name}: processor time, ours / bare"),
            "",
            &ratio,
            Bound::AtMost(1.6),
            format!("a document: ours {ours}; bare {bare}"),
        ),
        Figure::of(
            format!("the same again unchanged, {name}: processor time, again / first"),
            "",
            &again,
            Bound::AtMost(0.1),
            format!("a document: {twice}"),
        ),
    ])
}

async fn drain(size: DocumentSize, name: &str, documents: u64, rounds: usize) -> anyhow::Result<Figure> {
    let mut all = Vec::new();
    for round in 1..=rounds {
        let one = drain::measure(size, documents).await?;
        say(&format!(
            "drain {name}, round {round} of {rounds}: ours {:.0}/s, bare {:.0}/s",
            one.ours, one.bare
        ));
        all.push(one);
    }
    let ratio: Vec<f64> = all.iter().map(|round| round.ours / round.bare).collect();
    let ours = median(&all.iter().map(|round| round.ours).collect::<Vec<_>>());
    let bare = median(&all.iter().map(|round| round.bare).collect::<Vec<_>>());
    let details = format!("documents a second: ours {ours:.0}, bare {bare:.0}");
    Ok(Figure::of(
        format!("draining a full queue, {name}: rate, ours / bare"),
        "",
        &ratio,
        Bound::AtLeast(0.6),
        details,
    ))
}

async fn limit() -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for fetchers in [1, 4] {
        for seen in limit::measure(fetchers).await? {
            let rate = seen.requests_per_second;
            say(&format!(
                "limit {rate}/s, {fetchers} fetchers: {:.3} used, {} refused",
                seen.used, seen.refused
            ));
            figures.push(Figure::of(
                format!("a vendor's limit of {rate}/s with {fetchers} fetchers: used"),
                "",
                &[seen.used],
                Bound::AtLeast(0.94),
                "over 64 s, answers within 20 to 300 ms".to_owned(),
            ));
            figures.push(Figure::of(
                format!("a vendor's limit of {rate}/s with {fetchers} fetchers: refused"),
                "",
                &[seen.refused as f64],
                Bound::AtMost(0.0),
                "requests that the vendor answered with 429".to_owned(),
            ));
        }
    }
    Ok(figures)
}

async fn memory(
    size: DocumentSize,
    name: &str,
    documents: u64,
    limit_mb: f64,
) -> anyhow::Result<Vec<Figure>> {
    let peaks = memory::measure(size, documents).await?;
    say(&format!(
        "memory {name}: fetcher {:.0} MB, normalizer {:.0} MB, {:.0} documents/s",
        peaks.fetcher, peaks.normalizer, peaks.per_second
    ));
    let details = format!("peak while {documents} documents passed, {:.0} a second", peaks.per_second);
    let figure = |role: &str, peak: f64| {
        let what = format!("resident memory of the {role}, {name}");
        Figure::of(what, " MB", &[peak], Bound::AtMost(limit_mb), details.clone())
    };
    Ok(vec![figure("fetcher", peaks.fetcher), figure("normalizer", peaks.normalizer)])
}
