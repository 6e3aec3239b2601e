//! Two fetchers that renew one token again and again, and die in the midst of it: from without, and at their own failpoints.

use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use rustix::process::Signal;
use simulator::{AppChange, AppOf, Dice};
use stories::{Role, Stand, compare_with_crm};
use tokio::time::timeout;

use crate::oauth::{FAILPOINTS, FAST, app, assert_connected, events_of, stats, with_hubspot};

const RENEWALS: u64 = 100;

/// What a fetcher of the two came to, and where it was to die by itself.
struct Doomed {
    role: Role,
    failpoint: &'static str,
}

/// When both are killed from without.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// One of them has said that it will ask for a token.
    Intended,
    /// The vendor has given one.
    Given,
    /// It is stored.
    Stored,
}

async fn start(stand: &mut Stand, dice: &mut Dice) -> Doomed {
    let failpoint = *dice.pick(&FAILPOINTS);
    let armed = format!("{failpoint}:{}", dice.between(4, 16));
    let role = stand.start_with("fetcher", &[("SWITCHBOARD_FAILPOINT", &armed)]).await;
    Doomed { role, failpoint }
}

async fn is_invalid(stand: &Stand) -> bool {
    stand.number("SELECT count(*) FROM connections WHERE credential_state = 'invalid'").await == 1
}

/// Whether the moment has come; asked for again and again, without a pause in which it would pass.
async fn has_come(stand: &Stand, moment: Moment, before: (u64, i64)) -> bool {
    match moment {
        Moment::Intended => stand.number("SELECT count(*) FROM credential_refreshes").await == 1,
        Moment::Given => {
            tokio::task::yield_now().await;
            stats(stand, AppOf::Hubspot).refreshes > before.0
        }
        Moment::Stored => generation(stand).await > before.1,
    }
}

async fn generation(stand: &Stand) -> i64 {
    stand.number("SELECT credential_generation FROM connections").await
}

/// Puts others in the places of those that have died; returns how many had.
async fn replace_the_dead(stand: &mut Stand, fetchers: &mut [Doomed; 2], dice: &mut Dice) -> usize {
    let mut dead = 0;
    let together = fetchers.iter_mut().all(|fetcher| !fetcher.role.is_running());
    for fetcher in fetchers {
        if fetcher.role.is_running() {
            continue;
        }
        let status = fetcher.role.ended(Duration::ZERO).await;
        assert_eq!(status.signal(), Some(9), "{}", fetcher.role.log());
        // the turn was its own, and not that of the other, which lives
        if together || fetcher.failpoint != "renew.kept" {
            // what the clock would do by itself, in a minute
            let expire = "UPDATE credential_refreshes SET expires_at = now() - interval '1 second'";
            stand.database.execute(expire).await;
        }
        *fetcher = start(stand, dice).await;
        dead += 1;
    }
    dead
}

#[tokio::test]
async fn two_fetchers_that_are_killed_among_a_hundred_renewals_show_one_spent_token_at_most_for_each_death() {
    let (mut stand, mut dice) = (Stand::fresh().await, Dice::of(&[0x7E_4E3A]));
    with_hubspot(&stand).await;
    app(&stand, AppOf::Hubspot, AppChange::SetRotation { once: true });
    let mut roles = stand.start_all().await;
    stand.idle().await;
    roles.remove(1).stop().await;
    let mut fetchers = [start(&mut stand, &mut dice).await, start(&mut stand, &mut dice).await];
    let (mut deaths, mut reconnects) = (0, 0);
    while stats(&stand, AppOf::Hubspot).refreshes < RENEWALS {
        let (before, known) = (stats(&stand, AppOf::Hubspot), generation(&stand).await);
        app(&stand, AppOf::Hubspot, AppChange::ExpireAccessTokens);
        stand.database.execute("UPDATE streams SET due_at = now()").await;
        if dice.one_in(16) {
            let moment = *dice.pick(&[Moment::Intended, Moment::Given, Moment::Stored]);
            let comes = async { while !has_come(&stand, moment, (before.refreshes, known)).await {} };
            // a failpoint may have been faster
            let died = async {
                stand.until("one dies", async || fetchers.iter_mut().any(|one| !one.role.is_running())).await;
            };
            tokio::select! { () = comes => {}, () = died => {} }
            for fetcher in fetchers.iter_mut().filter(|one| one.role.is_running()) {
                fetcher.role.signal(Signal::KILL);
            }
            for fetcher in &mut fetchers {
                fetcher.role.ended(Duration::from_secs(10)).await;
            }
        }
        let mut died = 0;
        loop {
            let over = async || {
                let open = "SELECT count(*) FROM sync_runs WHERE state IN ('planned', 'listing', 'listed')";
                is_invalid(&stand).await
                    || stats(&stand, AppOf::Hubspot).refreshes > before.refreshes
                        && stand.number(open).await == 0
            };
            let mut look = async || fetchers.iter_mut().any(|one| !one.role.is_running()) || over().await;
            stand.until("the token is renewed, or somebody died", &mut look).await;
            match replace_the_dead(&mut stand, &mut fetchers, &mut dice).await {
                0 => break,
                dead => died += dead,
            }
        }
        let shown = stats(&stand, AppOf::Hubspot).spent_shown - before.spent_shown;
        let is_lost = is_invalid(&stand).await;
        assert!(shown <= u64::from(died > 0) && (is_lost == (shown == 1) || died > 1), "{shown} of {died} deaths");
        assert!(!is_lost || died > 0, "nobody died, and the token is lost");
        deaths += died;
        if is_lost {
            reconnects += 1;
            let status = String::from_utf8(stand.run(&["status"]).await.stdout).expect("text");
            assert!(status.contains("reconnect: refresh was interrupted"), "{status}");
            assert_connected(&stand.connect_by_oauth("acme", AppOf::Hubspot, &FAST).await);
        }
        timeout(Duration::from_mins(1), stand.idle()).await.expect("all is done");
    }
    let stats = stats(&stand, AppOf::Hubspot);
    println!("{deaths} deaths, {reconnects} reconnects, {stats:?}");
    assert!(deaths >= 10 && reconnects >= 2, "{deaths} deaths, {reconnects} reconnects: too few to tell");
    assert!(stats.spent_shown <= reconnects, "{stats:?}");
    assert_eq!(events_of(&stand, "credential.invalidated").await as u64, reconnects, "each told once");
    assert!(stand.json(&["dead", "list"]).await.is_empty());
    compare_with_crm(&stand).await;
    roles.extend(fetchers.map(|fetcher| fetcher.role));
    stand.finish(roles).await;
}
