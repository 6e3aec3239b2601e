//! Runs a process until it is done or told to end.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{Env, EnvError, Shutdown};

/// Why a process ended without a result of its own.
#[derive(Debug, thiserror::Error)]
pub enum LifecycleError {
    /// Work was still in hand when the grace was over or the second signal came.
    #[error("work was cut off before it was finished")]
    CutOff,
    /// The system gave no signals.
    #[error("cannot listen for signals")]
    Signals(#[source] io::Error),
}

/// Reads how long a process may take to end when it is told to: `SWITCHBOARD_GRACE_S` in seconds, default 30.
pub fn grace(env: &Env) -> Result<Duration, EnvError> {
    env.seconds("SWITCHBOARD_GRACE_S", Duration::from_secs(30))
}

/// Runs the work. The first SIGTERM or SIGINT begins the shutdown, so that the work can finish what it has in hand; a second
/// one, or the end of the grace, cuts it off. Work that ends by itself begins the shutdown for whatever it left running.
pub async fn run_until_signal<T, E: From<LifecycleError>>(
    grace: Duration,
    shutdown: Shutdown,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let mut signals = Signals::listen().map_err(LifecycleError::Signals)?;
    supervise(grace, shutdown, work, async || signals.next().await).await
}

async fn supervise<T, E: From<LifecycleError>>(
    grace: Duration,
    shutdown: Shutdown,
    work: impl Future<Output = Result<T, E>>,
    mut next_signal: impl AsyncFnMut() -> &'static str,
) -> Result<T, E> {
    let mut work = std::pin::pin!(work);
    tokio::select! {
        result = &mut work => {
            shutdown.begin();
            return result;
        }
        signal = next_signal() => {
            tracing::info!(signal, grace_ms = grace.as_millis(), "finishing what is in hand");
            shutdown.begin();
        }
    }
    tokio::select! {
        result = &mut work => return result,
        signal = next_signal() => tracing::warn!(signal, "cut off by a second signal"),
        () = tokio::time::sleep(grace) => tracing::warn!(grace_ms = grace.as_millis(), "cut off after the grace"),
    }
    Err(LifecycleError::CutOff.into())
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_hours(1);

    #[derive(Debug)]
    struct Failed(LifecycleError);

    impl From<LifecycleError> for Failed {
        fn from(error: LifecycleError) -> Self {
            Self(error)
        }
    }

    /// Gives the signals that are listed, then none.
    async fn drive<T>(
        signals: usize,
        shutdown: &Shutdown,
        work: impl Future<Output = T>,
    ) -> Result<T, Failed> {
        let mut left = signals;
        let next_signal = async || {
            if left == 0 {
                std::future::pending::<()>().await;
            }
            left -= 1;
            "SIGTERM"
        };
        supervise(LONG, shutdown.clone(), async { Ok(work.await) }, next_signal).await
    }

    #[tokio::test]
    async fn work_that_ends_by_itself_gives_its_result_and_begins_the_shutdown() {
        let shutdown = Shutdown::new();
        assert_eq!(drive(0, &shutdown, async { 7 }).await.unwrap(), 7);
        assert!(shutdown.is_begun());
    }

    #[tokio::test]
    async fn the_first_signal_lets_the_work_finish() {
        let shutdown = Shutdown::new();
        let work = async {
            shutdown.begun().await;
            "finished"
        };
        assert_eq!(drive(1, &shutdown, work).await.unwrap(), "finished");
    }

    #[tokio::test]
    async fn the_second_signal_cuts_off_work_that_does_not_finish() {
        let result = drive(2, &Shutdown::new(), std::future::pending::<()>()).await;
        assert!(matches!(result, Err(Failed(LifecycleError::CutOff))));
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_the_grace_cuts_off_work_that_does_not_finish() {
        let result = drive(1, &Shutdown::new(), std::future::pending::<()>()).await;
        assert!(matches!(result, Err(Failed(LifecycleError::CutOff))));
    }

    #[tokio::test]
    async fn a_real_sigterm_begins_the_shutdown() {
        let shutdown = Shutdown::new();
        let work = async {
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM).unwrap();
            shutdown.begun().await;
            Ok::<_, Failed>("finished")
        };
        assert_eq!(run_until_signal(LONG, shutdown.clone(), work).await.unwrap(), "finished");
    }
}
