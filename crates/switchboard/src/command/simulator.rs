//! `simulator`: stand-ins of the vendors' APIs, to rehearse with.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use runtime::{Clock, Shutdown, run_until_signal};
use simulator::{Simulator, SimulatorConfig, WorkspaceSpec, World};

use crate::context::Context;

#[derive(Debug, Args)]
pub(crate) struct SimulatorArgs {
    /// Where to listen; port 0 takes any that is free.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Everything random comes from here.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A workspace, as NAME or NAME:CONVERSATIONS; may be given several times. Its key is NAME-key. Gong has recorded most of its meetings too.
    #[arg(long = "workspace", default_value = "northwind:2000")]
    workspaces: Vec<String>,
    /// Write accounts, contacts and keys of each workspace into this directory, and say the commands that connect it.
    #[arg(long, value_name = "DIR")]
    files: Option<PathBuf>,
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
        world.add_workspace(spec.clone())?;
        if let Some(folder) = &args.files {
            write_files(&world, &spec, folder)
                .with_context(|| format!("cannot write to {}", folder.display()))?;
            eprintln!("{}", commands(&simulator, &spec, folder)?);
        }
    }
    eprintln!(
        "Attention at {}, Gong at {}, switches at {}",
        simulator.base_url(),
        simulator.gong_url(),
        simulator.control_url()
    );
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

fn write_files(world: &World, spec: &WorkspaceSpec, folder: &Path) -> anyhow::Result<()> {
    let name = &spec.name;
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join(format!("{name}-accounts.csv")), world.accounts_csv(name)?)?;
    std::fs::write(folder.join(format!("{name}-contacts.csv")), world.contacts_csv(name)?)?;
    std::fs::write(folder.join(format!("{name}.key")), &spec.key)?;
    let gong_key = format!("{}\n{}\n", spec.gong.key, spec.gong.secret);
    std::fs::write(folder.join(format!("{name}-gong.key")), gong_key)?;
    Ok(())
}

/// What an operator types, from a tenant that is not there to its timeline. A stand-in bears more requests than a vendor, except Gong's,
/// which is as strict as Gong.
fn commands(simulator: &Simulator, spec: &WorkspaceSpec, folder: &Path) -> anyhow::Result<String> {
    let (name, files) = (&spec.name, folder.join(&spec.name));
    let files = files.display();
    let domains = simulator.world().own_domains(name)?.join(" --domain ");
    let (attention, gong) = (simulator.base_url(), simulator.gong_url());
    Ok(format!(
        "connect {name} and look at its timeline:
    switchboard tenant add {name} --name {name} --domain {domains}
    switchboard accounts import --tenant {name} {files}-accounts.csv --contacts {files}-contacts.csv
    switchboard connect attention --tenant {name} --base-url {attention} --allow-http \\
        --api-key-file {files}.key --requests-per-second 50 --in-flight 8
    switchboard connect gong --tenant {name} --base-url {gong} --allow-http \\
        --access-key-file {files}-gong.key --backfill-days 90
    switchboard wait --idle --tenant {name}
    switchboard timeline --tenant {name}"
    ))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;

    #[tokio::test]
    async fn the_commands_that_are_said_are_commands_and_their_files_are_there() {
        let config =
            SimulatorConfig { listen: ([127, 0, 0, 1], 0).into(), seed: 1, now: Clock::system().now() };
        let simulator = Simulator::start(config).await.expect("a simulator");
        let world = simulator.world();
        let spec = WorkspaceSpec::named("northwind");
        world.add_workspace(spec.clone()).expect("a workspace");
        let temporary = tempfile::tempdir().expect("a folder");
        let folder = temporary.path();
        write_files(&world, &spec, folder).expect("files");
        let said = commands(&simulator, &spec, folder).expect("commands");
        let said = said.replace("\\\n", " ");
        let words: Vec<&str> = said.split_whitespace().collect();
        for file in words.iter().filter(|word| Path::new(word).is_absolute()) {
            assert!(Path::new(file).is_file(), "{file}");
        }
        let lines: Vec<&str> = said.lines().skip(1).collect();
        assert_eq!(lines.len(), 6);
        for line in lines {
            assert!(Cli::try_parse_from(line.split_whitespace()).is_ok(), "{line}");
        }
    }
}
