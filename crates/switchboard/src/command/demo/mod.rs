//! `demo`: the main job on real servers and a stand-in vendor, told as it happens.

mod both;
mod stage;
mod summary;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use runtime::Shutdown;
use serde_json::Value;
use simulator::{AddedKind, Change, Endpoint, Fault, FaultRule, World};

use crate::context::Context;
use stage::{HUBSPOT_AND_GONG_USER, Stage};

/// The two tenants of the story: id, and name. The second has half as many calls as the first.
const TENANTS: [(&str, &str); 2] = [("acme", "Acme GmbH"), ("globex", "Globex Inc")];

/// Longer than the roles' own grace: they end first.
const GRACE: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Everything random comes from here.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Calls of the first company; the other has half as many.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u64).range(100..=100_000))]
    calls: u64,
}

pub(crate) async fn run(context: &Context, args: DemoArgs) -> anyhow::Result<ExitCode> {
    let shutdown = Shutdown::new();
    runtime::run_until_signal(GRACE, shutdown.clone(), play(context, args, &shutdown)).await
}

async fn play(context: &Context, args: DemoArgs, shutdown: &Shutdown) -> anyhow::Result<ExitCode> {
    let calls = [(TENANTS[0].0, args.calls), (TENANTS[1].0, args.calls / 2)];
    let mut stage = Stage::set(context, args.seed, &calls).await?;
    let told = tokio::select! {
        told = tell(&mut stage, args.calls) => told,
        () = shutdown.begun() => interrupted(),
    };
    // whatever happened, nothing is left running
    let cleared = stage.clear().await;
    told?;
    cleared?;
    Ok(ExitCode::SUCCESS)
}

fn interrupted() -> anyhow::Result<()> {
    bail!("the demo was ended before its end")
}

async fn tell(stage: &mut Stage, calls: u64) -> anyhow::Result<()> {
    prepare(stage).await?;
    bootstrap_with_a_revoked_key(stage, calls).await?;
    let dead = later_calls(stage).await?;
    replay(stage, &dead).await?;
    finish(stage).await
}

async fn prepare(stage: &mut Stage) -> anyhow::Result<()> {
    Stage::heading(
        "Two companies with Attention, one of them with Gong as well, and who their customers are",
    );
    for (id, name) in TENANTS {
        let domains = stage.world().own_domains(id)?;
        let mut command = vec!["tenant", "add", id, "--name", name];
        for domain in &domains {
            command.extend(["--domain", domain]);
        }
        stage.switchboard(&command).await?;
        stage.start_roles_once()?;
        stage.connect(id, &format!("{id}-key")).await?;
        if id == HUBSPOT_AND_GONG_USER {
            stage.connect_gong(id).await?;
        }
    }
    Stage::say("calls wait until it is known whose they may be: acme has HubSpot, globex two files");
    for (id, _) in TENANTS {
        if id == HUBSPOT_AND_GONG_USER {
            stage.connect_hubspot(id).await?;
            continue;
        }
        let (accounts, contacts) = stage.write_csv(id)?;
        let import = ["accounts", "import", "--tenant", id, &accounts, "--contacts", &contacts];
        stage.switchboard(&import).await?;
    }
    Ok(())
}

async fn bootstrap_with_a_revoked_key(stage: &mut Stage, calls: u64) -> anyhow::Result<()> {
    Stage::heading("90 days of history are fetched; half-way, one company revokes its Attention key");
    let (victim, _) = TENANTS[0];
    stage.wait_until_stored(victim, calls / 3).await?;
    stage.world().change(victim, Change::RevokeKey { key: format!("{victim}-key") })?;
    Stage::say("acme's key is revoked at the vendor; globex does not notice, nor does acme's Gong");
    stage.wait_until_blocked(victim).await?;
    stage.switchboard(&["connections"]).await?;
    stage.switchboard(&["events", "tail", "-n", "3"]).await?;
    stage.wait_idle(TENANTS[1].0).await?;
    Stage::say("globex is complete; acme makes a new key, connects again, and goes on from where it stood");
    let key = "acme-second-key".to_owned();
    stage
        .world()
        .change(victim, Change::AddKey { key: key.clone(), level: simulator::KeyLevel::Organization })?;
    stage.connect(victim, &key).await?;
    stage.wait_idle(victim).await
}

/// New calls, changed ones, late transcripts; one record whose details the vendor never gives. Returns its id.
async fn later_calls(stage: &mut Stage) -> anyhow::Result<String> {
    Stage::heading("Later: new calls, new insights, late transcripts, and one call the vendor cannot give");
    let mut broken = String::new();
    for (id, _) in TENANTS {
        let world = stage.world();
        let new = world.change(id, Change::Add { count: 20, finished_at: None, kind: AddedKind::Mixed })?;
        let ordinary =
            world.change(id, Change::Add { count: 5, finished_at: None, kind: AddedKind::Ordinary })?;
        change_some(&world, id)?;
        world.change(id, Change::AllTranscriptsArrive)?;
        if broken.is_empty() {
            broken = listed_by_attention(&world, id, &ordinary)?;
            world.add_fault(id, FaultRule::from(Fault::InternalError).at(Endpoint::Detail).on(&broken))?;
        }
        Stage::say(&format!("{id}: {} new calls, 10 changed ones", new.len() + ordinary.len()));
        stage.switchboard(&["sync", &format!("{id}/attention")]).await?;
        if id == HUBSPOT_AND_GONG_USER {
            stage.switchboard(&["sync", &format!("{id}/gong")]).await?;
        }
    }
    for (id, _) in TENANTS {
        stage.wait_idle(id).await?;
        match stage.wait_for_transcripts(id).await? {
            0 => Stage::say(&format!("{id}: every transcript is there")),
            late => Stage::say(&format!("{id}: the transcripts of {late} calls came late and are there now")),
        }
    }
    stage.switchboard(&["dead", "groups"]).await?;
    stage.switchboard(&["where", &broken]).await?;
    Ok(broken)
}

/// One of these calls that Attention has recorded.
fn listed_by_attention(world: &World, workspace: &str, ids: &[String]) -> anyhow::Result<String> {
    let found = world.truth(workspace)?.find(|call| ids.contains(&call.id));
    found.map(|call| call.id).context("Attention recorded none of the calls that were added")
}

/// Insights of calls that are there already, within the lookback.
fn change_some(world: &World, workspace: &str) -> anyhow::Result<()> {
    let recent = world.truth(workspace)?.filter(|call| call.skip.is_none()).take(60).skip(30).take(10);
    let ids: Vec<String> = recent.map(|call| call.id).collect();
    for id in ids {
        world.change(workspace, Change::ChangeInsight { id })?;
    }
    Ok(())
}

async fn replay(stage: &mut Stage, broken: &str) -> anyhow::Result<()> {
    Stage::heading("The vendor mends its fault; the dead letter is replayed");
    stage.world().clear_faults(TENANTS[0].0)?;
    stage.switchboard(&["dead", "replay", "--record", broken]).await?;
    // the look is due at once, but a scheduler's tick away
    stage.wait_until_standing(broken, "stored").await?;
    for (id, _) in TENANTS {
        stage.wait_idle(id).await?;
    }
    stage.switchboard(&["where", broken]).await?;
    Ok(())
}

async fn finish(stage: &mut Stage) -> anyhow::Result<()> {
    Stage::heading("What came in");
    let runs = stage.read(&["runs", "--limit", "10000"]).await?;
    summary::print(&runs)?;
    for (id, _) in TENANTS {
        summary::print_stored(id, &stage.read(&["export", "conversations", "--tenant", id]).await?);
    }
    println!("{} dead letters are left", stage.read(&["dead", "list"]).await?.len());
    Stage::heading("Meetings that Attention and Gong both recorded");
    both::tell(stage, HUBSPOT_AND_GONG_USER).await?;
    Stage::heading("One customer's timeline");
    let account = busiest_account(&stage.read(&["export", "conversations", "--tenant", TENANTS[0].0]).await?);
    stage
        .switchboard(&["timeline", "--tenant", TENANTS[0].0, "--account", &account, "--limit", "12"])
        .await?;
    Stage::heading("Try next");
    println!(
        "  make up      the same servers, roles and stand-in vendors, empty, running until `make down`;"
    );
    println!("               it prints the commands that connect a workspace and show its timeline");
    println!("  README.md    connecting a real workspace, and what to ask an operator's day through");
    Ok(())
}

/// The account with the most conversations.
fn busiest_account(conversations: &[Value]) -> String {
    let mut counts = BTreeMap::<&str, usize>::new();
    for account in conversations.iter().filter_map(|one| one["account"]["external_id"].as_str()) {
        *counts.entry(account).or_default() += 1;
    }
    counts
        .into_iter()
        .max_by_key(|(_, count)| *count)
        .map(|(account, _)| account.to_owned())
        .unwrap_or_default()
}
