#![doc = include_str!("../README.md")]

mod bare;
mod child;
mod cpu;
mod crm;
mod drain;
mod flat;
mod grown;
mod limit;
mod memory;
mod pipeline;
mod processes;
mod relink;
mod report;
mod rows;
mod scale;
mod schedule;
mod soak;
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
    /// What to measure; everything but `soak` by default.
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
    /// How long the load of `soak` goes on.
    #[arg(long, default_value_t = 60.0)]
    minutes: f64,
    /// New calls of 36 KB a second in it.
    #[arg(long, default_value_t = 20)]
    per_second: u64,
    /// Conversations that are linked again when a domain has passed to another account.
    #[arg(long, default_value_t = 100_000)]
    relinked: u64,
    /// Conversations of the larger tenant of `scale`, and of the store of `grown`.
    #[arg(long, default_value_t = 1_000_000)]
    conversations: u64,
    /// Connections of the larger world of `schedule`.
    #[arg(long, default_value_t = 100_000)]
    connections: u64,
    /// Contacts in a round of `crm`; a tenth as many accounts, and as many deals.
    #[arg(long, default_value_t = 200_000)]
    contacts: usize,
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
    /// Processor time of linking conversations again, and what live work feels of it.
    Relink,
    /// Processor time of linking and matching in a small tenant and in a large one.
    Scale,
    /// Processor time of normalizing into a store of very many conversations, and into an empty one.
    Grown,
    /// Throughput with one, two and four processes of each role.
    Processes,
    /// How late the nudges of very many connections come, and what a connection that is due costs.
    Schedule,
    /// Resident memory.
    Memory,
    /// Resident memory of every role over an hour of steady load.
    Soak,
    /// Processor time of a CRM's full sync, and of an increment when nothing has changed.
    Crm,
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
    if cli.what.contains(&Measurement::Soak) {
        figures.extend(soak::measure(Duration::from_secs_f64(cli.minutes * 60.0), cli.per_second).await?);
    }
    if is_wanted(Measurement::Limit) {
        figures.extend(limit().await?);
    }
    if is_wanted(Measurement::Crm) {
        figures.extend(crm(cli.contacts, cli.rounds).await?);
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
    if is_wanted(Measurement::Relink) {
        figures.extend(relink(cli.documents, cli.relinked, cli.rounds).await?);
    }
    if is_wanted(Measurement::Scale) {
        figures.extend(scale(cli.conversations, cli.rounds).await?);
    }
    if is_wanted(Measurement::Grown) {
        figures.push(grown(cli.conversations, cli.documents, cli.rounds).await?);
    }
    if is_wanted(Measurement::Processes) {
        figures.extend(processes(cli.documents, cli.rounds).await?);
    }
    if is_wanted(Measurement::Schedule) {
        figures.extend(schedule(cli.connections).await?);
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

async fn crm(contacts: usize, rounds: usize) -> anyhow::Result<Vec<Figure>> {
    let mut all = Vec::new();
    for round in 1..=rounds {
        let one = crm::measure(contacts).await?;
        say(&format!(
            "crm, round {round} of {rounds}: ours {:.2} s, bare {:.2} s, bare pipeline {:.2} s, increment {:.2} s of processor time",
            one.ours.total(),
            one.bare.total(),
            one.pipeline.total(),
            one.again.total()
        ));
        all.push(one);
    }
    let ratio: Vec<f64> = all.iter().map(|round| round.ours.total() / round.bare.total()).collect();
    let again: Vec<f64> = all.iter().map(|round| round.again.total() / round.ours.total()).collect();
    let records = all.first().map_or(1, |round| round.records);
    let ours = per_document(&all.iter().map(|round| &round.ours).collect::<Vec<_>>(), records);
    let bare = per_document(&all.iter().map(|round| &round.bare).collect::<Vec<_>>(), records);
    let pipeline = per_document(&all.iter().map(|round| &round.pipeline).collect::<Vec<_>>(), records);
    let twice = per_document(&all.iter().map(|round| &round.again).collect::<Vec<_>>(), 1);
    Ok(vec![
        Figure::of(
            format!("full sync of a CRM, {contacts} contacts: processor time, ours / bare"),
            "",
            &ratio,
            Bound::AtMost(2.0),
            format!("a record: ours {ours}; bare {bare}; a bare pipeline {pipeline}"),
        ),
        Figure::of(
            format!("its increment unchanged, {contacts} contacts: processor time, increment / full"),
            "",
            &again,
            Bound::AtMost(0.05),
            format!("in all: {twice}"),
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
    let seen = memory::measure(size, documents).await?;
    let roles: Vec<String> = seen.by_role.iter().map(|(role, peak)| format!("{role} {peak:.0} MB")).collect();
    say(&format!("memory {name}: {}, {:.0} documents/s", roles.join(", "), seen.per_second));
    let details = format!("peak while {documents} documents passed, {:.0} a second", seen.per_second);
    let figure = |(role, peak): &(String, f64)| {
        let what = format!("resident memory of the {role}, {name}");
        Figure::of(what, " MB", &[*peak], Bound::AtMost(limit_mb), details.clone())
    };
    Ok(seen.by_role.iter().map(figure).collect())
}

async fn relink(documents: u64, conversations: u64, rounds: usize) -> anyhow::Result<Vec<Figure>> {
    let mut all = Vec::new();
    for round in 1..=rounds {
        let one = relink::measure(documents, conversations).await?;
        say(&format!(
            "relink, round {round} of {rounds}: {:.2} ms a conversation, normalizing {:.2} ms; live sync {:.1} s instead of {:.1} s",
            one.relinking.total() * 1000.0,
            one.normalizing.total() * 1000.0,
            one.disturbed,
            one.calm
        ));
        all.push(one);
    }
    let cost: Vec<f64> =
        all.iter().map(|round| round.relinking.total() / round.normalizing.total()).collect();
    let delay: Vec<f64> = all.iter().map(|round| round.disturbed / round.calm).collect();
    let relinking = per_document(&all.iter().map(|round| &round.relinking).collect::<Vec<_>>(), 1);
    let normalizing = per_document(&all.iter().map(|round| &round.normalizing).collect::<Vec<_>>(), 1);
    let calm = median(&all.iter().map(|round| round.calm).collect::<Vec<_>>());
    Ok(vec![
        Figure::of(
            format!("linking {conversations} conversations again: processor time, linking / normalizing"),
            "",
            &cost,
            Bound::AtMost(0.333),
            format!("a conversation: {relinking}; normalizing it {normalizing}"),
        ),
        Figure::of(
            "a live sync meanwhile: time, disturbed / undisturbed".to_owned(),
            "",
            &delay,
            Bound::AtMost(2.0),
            format!("undisturbed {calm:.1} s for 100 calls, until their meetings are found"),
        ),
    ])
}

async fn scale(conversations: u64, rounds: usize) -> anyhow::Result<Vec<Figure>> {
    let mut round = 0;
    let all = scale::measure(conversations, rounds, |one| {
        round += 1;
        say(&format!(
            "scale, round {round} of {rounds}: linking {:.2} s, in the small tenant {:.2} s; matching {:.2} s and {:.2} s",
            one.linking.large.total(),
            one.linking.small.total(),
            one.matching.large.total(),
            one.matching.small.total()
        ));
    })
    .await?;
    let figure = |what: &str, of: fn(&scale::Round) -> &scale::Costs| {
        let costs: Vec<&scale::Costs> = all.iter().map(of).collect();
        let ratio: Vec<f64> = costs.iter().map(|cost| cost.large.total() / cost.small.total()).collect();
        let per = scale::WORKED_ON;
        let large = per_document(&costs.iter().map(|cost| &cost.large).collect::<Vec<_>>(), per);
        let small = per_document(&costs.iter().map(|cost| &cost.small).collect::<Vec<_>>(), per);
        Figure::of(
            format!(
                "{what} in a tenant of {conversations} conversations: processor time / in one of {}",
                scale::SMALL
            ),
            "",
            &ratio,
            Bound::AtMost(1.3),
            format!("a conversation: {large}; in the small one {small}"),
        )
    };
    Ok(vec![
        figure("linking and matching", |round| &round.linking),
        figure("matching alone", |round| &round.matching),
    ])
}

/// Connections of the smaller world of `schedule`.
const FEW_CONNECTIONS: u64 = 1_000;

async fn schedule(connections: u64) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let mut costs = Vec::new();
    for (connections, schedulers) in [(FEW_CONNECTIONS, 1), (connections, 1), (connections, 2)] {
        let seen = schedule::measure(connections, schedulers).await?;
        let (due, p50, p99) = (seen.lateness_s.len(), seen.percentile(50), seen.percentile(99));
        let cost = per_document(&[&seen.spent], due as u64);
        let details = format!(
            "{due} nudges in a minute, p50 {p50:.2} s, p99 {p99:.2} s; each {cost}; a scheduler at most {:.0} MB",
            seen.peak_mb
        );
        say(&format!("schedule, {connections} connections, schedulers: {schedulers}: {details}"));
        figures.push(Figure::of(
            format!("due to nudge taken, connections: {connections}, schedulers: {schedulers}: p99"),
            " s",
            &[p99],
            Bound::AtMost(5.0),
            details,
        ));
        costs.push(seen.spent.total() / due as f64);
    }
    figures.push(Figure::of(
        format!("a connection that is due: processor time among {connections} / among {FEW_CONNECTIONS}"),
        "",
        &[costs[1] / costs[0]],
        Bound::AtMost(1.3),
        "of the scheduler, PostgreSQL and RabbitMQ, with one scheduler".to_owned(),
    ));
    Ok(figures)
}

async fn grown(conversations: u64, documents: u64, rounds: usize) -> anyhow::Result<Figure> {
    let mut round = 0;
    let all = grown::measure(conversations, documents, rounds, |one| {
        round += 1;
        say(&format!(
            "grown, round {round} of {rounds}: {:.2} s, into an empty store {:.2} s of processor time",
            one.grown.total(),
            one.empty.total()
        ));
    })
    .await?;
    let ratio: Vec<f64> = all.iter().map(|round| round.empty.total() / round.grown.total()).collect();
    let grown = per_document(&all.iter().map(|round| &round.grown).collect::<Vec<_>>(), documents);
    let empty = per_document(&all.iter().map(|round| &round.empty).collect::<Vec<_>>(), documents);
    Ok(Figure::of(
        format!(
            "normalizing beside {conversations} conversations: documents a processor second, / into an empty store"
        ),
        "",
        &ratio,
        Bound::AtLeast(0.8),
        format!("a document: {grown}; into an empty store {empty}"),
    ))
}

async fn processes(documents: u64, rounds: usize) -> anyhow::Result<Vec<Figure>> {
    let counts = [1, 2, 4];
    let mut rates = [const { Vec::new() }; 3];
    for round in 1..=rounds {
        for (count, rates) in counts.iter().zip(&mut rates) {
            let rate = processes::measure(*count, documents).await?;
            say(&format!(
                "processes, round {round} of {rounds}, {count} of each role: {rate:.0} documents/s"
            ));
            rates.push(rate);
        }
    }
    let figure = |place: usize| {
        let ratio: Vec<f64> = rates[place].iter().zip(&rates[0]).map(|(many, one)| many / one).collect();
        let (many, one) = (median(&rates[place]), median(&rates[0]));
        Figure::of(
            format!("{} processes of each role: documents a second, / one of each", counts[place]),
            "",
            &ratio,
            Bound::AtLeast(0.8),
            format!("{many:.0} a second, one of each {one:.0}; all on the processors of one machine"),
        )
    };
    Ok(vec![figure(1), figure(2)])
}
