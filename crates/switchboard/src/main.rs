#![doc = include_str!("../README.md")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is the program that speaks to people")]

mod cli;
mod command;
mod context;
mod output;
mod role;
mod settings;
#[cfg(test)]
mod testing;
mod usage;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command};
use crate::context::Context;

fn main() -> ExitCode {
    if let Err(error) = runtime::keep_memory_private() {
        eprintln!("switchboard: the program cannot keep its memory to itself: {error}");
        return ExitCode::FAILURE;
    }
    runtime::install_crypto_provider();
    end_quietly_when_nobody_reads();
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("switchboard: the program cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(dispatch(cli)) {
        Ok(code) => code,
        Err(error) => {
            // the whole chain in one line, and never a stack trace
            eprintln!("switchboard: {}", output::plain(&format!("{error:#}")));
            if usage::is_wrong(&error) { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

/// `switchboard runs | head -1` closes our output early: that is no failure. A full disk is one. Neither deserves the report of a panic.
fn end_quietly_when_nobody_reads() {
    let closed = std::io::Error::from(rustix::io::Errno::PIPE).to_string();
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload().downcast_ref::<String>().map_or("", String::as_str);
        if let Some(reason) = text.strip_prefix("failed printing to stdout: ") {
            if reason == closed {
                std::process::exit(0);
            }
            eprintln!("switchboard: cannot write to standard output: {reason}");
            std::process::exit(1);
        }
        report(panic);
    }));
}

async fn dispatch(cli: Cli) -> anyhow::Result<ExitCode> {
    let context = Context::new(cli.json, cli.command.serves())?;
    match cli.command {
        Command::Scheduler => role::run(&context, &[role::Role::Scheduler]).await,
        Command::Fetcher => role::run(&context, &[role::Role::Fetcher]).await,
        Command::Normalizer => role::run(&context, &[role::Role::Normalizer]).await,
        Command::Steward => role::run(&context, &[role::Role::Steward]).await,
        Command::All => role::run(&context, role::Role::ALL).await,
        Command::Demo(args) => command::demo::run(&context, args).await,
        Command::Simulator(args) => command::simulator::run(&context, args).await,
        Command::Migrate => command::migrate::run(&context).await,
        Command::Key(args) => command::key::run(&context, args).await,
        Command::Tenant(args) => command::tenant::run(&context, args).await,
        Command::Accounts(args) => command::accounts::run(&context, args).await,
        Command::Connect(args) => command::connect::run(&context, args).await,
        Command::Connections(args) => command::connections::list(&context, args).await,
        Command::Enable(args) => command::connections::set_enabled(&context, &args, true).await,
        Command::Disable(args) => command::connections::set_enabled(&context, &args, false).await,
        Command::Pause(args) => command::connections::set_paused(&context, &args, true).await,
        Command::Resume(args) => command::connections::set_paused(&context, &args, false).await,
        Command::Disconnect(args) => command::connections::disconnect(&context, &args).await,
        Command::WithdrawVanished(args) => command::connections::withdraw_vanished(&context, &args).await,
        Command::Sync(args) => command::sync::run(&context, &args).await,
        Command::Runs(args) => command::runs::run(&context, args).await,
        Command::Wait(args) => command::wait::run(&context, args).await,
        Command::Timeline(args) => command::timeline::run(&context, args).await,
        Command::Conversation(args) => command::conversation::run(&context, &args).await,
        Command::Freshness(args) => command::freshness::run(&context, args).await,
        Command::Gaps(args) => command::gaps::run(&context, args).await,
        Command::Schedule(args) => command::schedule::run(&context, args).await,
        Command::Unmatched(args) => command::unmatched::run(&context, &args).await,
        Command::Meeting(args) => command::meeting::run(&context, args).await,
        Command::Where(args) => command::where_is::run(&context, &args).await,
        Command::Dead(args) => command::dead::run(&context, args).await,
        Command::Events(args) => command::events::run(&context, args).await,
        Command::Status => command::status::run(&context).await,
        Command::Export(args) => command::export::run(&context, args).await,
    }
}
