//! `simulator`: stand-ins of the vendors' APIs, to rehearse with.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use runtime::{Clock, Shutdown, run_until_signal};
use simulator::{Simulator, SimulatorConfig, WorkspaceSpec};

use crate::context::Context;

#[derive(Debug, Args)]
pub(crate) struct SimulatorArgs {
    /// Where to listen; port 0 takes any that is free.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Everything random comes from here.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A workspace, as NAME or NAME:CONVERSATIONS; may be given several times. Its key is NAME-key.
    #[arg(long = "workspace", default_value = "northwind:2000")]
    workspaces: Vec<String>,
}

pub(crate) async fn run(_context: &Context, args: SimulatorArgs) -> anyhow::Result<ExitCode> {
    let clock = Clock::system();
    let config = SimulatorConfig { listen: args.listen, seed: args.seed, now: clock.now() };
    let simulator =
        Simulator::start(config).await.with_context(|| format!("cannot listen on {}", args.listen))?;
    let world = simulator.world();
    for text in &args.workspaces {
        let spec = workspace(text)?;
        eprintln!("workspace {}: {} conversations, key {}", spec.name, spec.conversations, spec.key);
        world.add_workspace(spec)?;
    }
    eprintln!("Attention at {}, switches at {}", simulator.base_url(), simulator.control_url());
    let shutdown = Shutdown::new();
    let ending = shutdown.clone();
    let ticking = async {
        while !ending.is_begun() {
            // new calls end now, by the real clock
            world.set_now(clock.now());
            tokio::select! {
                () = ending.begun() => {}
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        }
        anyhow::Ok(())
    };
    run_until_signal(Duration::from_secs(5), shutdown, ticking).await?;
    simulator.stop().await;
    Ok(ExitCode::SUCCESS)
}

fn workspace(text: &str) -> anyhow::Result<WorkspaceSpec> {
    let (name, conversations) = text.split_once(':').unwrap_or((text, "500"));
    let Ok(conversations) = conversations.parse() else {
        bail!("--workspace {text:?}: expected NAME or NAME:CONVERSATIONS");
    };
    let mut spec = WorkspaceSpec::named(name);
    spec.conversations = conversations;
    Ok(spec)
}
