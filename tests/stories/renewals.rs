//! Two fetchers that renew one token again and again, and are killed in the midst of it: at failpoints of their own, and from without.

use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use simulator::{AppChange, AppOf, AppStats, Dice};
use stories::{Role, Stand};
use tokio::time::timeout;

use crate::oauth::{FAILPOINTS, FAST, app, assert_connected, events_of, stats, with_hubspot};

const RENEWALS: u64 = 100;

/// A fetcher, and where it dies by itself at the latest.
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

/// What is there when a token ends.
struct Before {
    stats: AppStats,
    generation: i64,
}

struct Play {
    stand: Stand,
    dice: Dice,
    fetchers: [Doomed; 2],
}

async fn start(stand: &mut Stand, dice: &mut Dice) -> Doomed {
    let failpoint = *dice.pick(&FAILPOINTS);
    let armed = format!("{failpoint}:{}", dice.between(4, 20));
    let role = stand.start_with("fetcher", &[("SWITCHBOARD_FAILPOINT", &armed)]).await;
    Doomed { role, failpoint }
}

impl Play {
    fn stats(&self) -> AppStats {
        stats(&self.stand, AppOf::Hubspot)
    }

    async fn generation(&self) -> i64 {
        self.stand.number("SELECT credential_generation::bigint FROM connections").await
    }

    async fn is_invalid(&self) -> bool {
        self.stand.number("SELECT count(*) FROM connections WHERE credential_state = 'invalid'").await == 1
    }

    /// Ends the token while everything is due.
    async fn end_the_token(&self) -> Before {
        let before = Before { stats: self.stats(), generation: self.generation().await };
        app(&self.stand, AppOf::Hubspot, AppChange::ExpireAccessTokens);
        self.stand.database.execute("UPDATE streams SET due_at = now()").await;
        before
    }

    /// Whether the moment has come or has passed.
    async fn has_come(&self, moment: Moment, before: &Before) -> bool {
        let given = self.stats().refreshes > before.stats.refreshes;
        match moment {
            Moment::Intended => {
                // it is there for milliseconds, and may have been overlooked
                given || self.stand.number("SELECT count(*) FROM credential_refreshes").await == 1
            }
            Moment::Given => given,
            Moment::Stored => self.generation().await > before.generation,
        }
    }

    /// Kills both as soon as the moment has come, or one of them has died by itself.
    async fn kill_both_at(&mut self, moment: Moment, before: &Before) {
        let comes = async {
            while !self.has_come(moment, before).await
                && self.fetchers.iter_mut().all(|one| one.role.is_running())
            {
                // without a pause, in which it would pass
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_mins(1), comes).await.expect("the moment comes, or one of them dies");
        for one in &mut self.fetchers {
            if one.role.is_running() {
                one.role.kill().await;
            }
        }
    }

    /// Waits until the token is renewed and everything done with it, or nobody knows it any more; others take the places of those that die
    /// meanwhile. Returns how many did.
    async fn outlast(&mut self, before: &Before) -> u64 {
        let mut died = 0;
        loop {
            let (stand, fetchers) = (&self.stand, &mut self.fetchers);
            let open = "SELECT count(*) FROM sync_runs WHERE state IN ('planned', 'listing', 'listed')";
            let invalid = "SELECT count(*) FROM connections WHERE credential_state = 'invalid'";
            let look = async || {
                fetchers.iter_mut().any(|one| !one.role.is_running())
                    || stand.number(invalid).await == 1
                    || stats(stand, AppOf::Hubspot).refreshes > before.stats.refreshes
                        && stand.number(open).await == 0
            };
            stand.until("the token is renewed, or somebody died", look).await;
            match self.replace_the_dead().await {
                0 => return died,
                dead => died += dead,
            }
        }
    }

    async fn replace_the_dead(&mut self) -> u64 {
        let mut dead = 0;
        let together = self.fetchers.iter_mut().all(|one| !one.role.is_running());
        for one in &mut self.fetchers {
            if one.role.is_running() {
                continue;
            }
            let status = one.role.ended(Duration::from_secs(1)).await;
            assert_eq!(status.signal(), Some(9), "{}", one.role.log());
            // then the turn is its own, and not the other's, which lives
            if together || one.failpoint != "renew.kept" {
                // what the clock would do by itself, in a minute
                let expire = "UPDATE credential_refreshes SET expires_at = now() - interval '1 second'";
                self.stand.database.execute(expire).await;
            }
            *one = start(&mut self.stand, &mut self.dice).await;
            dead += 1;
        }
        dead
    }

    /// What an operator sees and does when nobody knows the token.
    async fn connect_again(&self) {
        let status = String::from_utf8(self.stand.run(&["status"]).await.stdout).expect("text");
        assert!(status.contains("reconnect: refresh was interrupted"), "{status}");
        assert_connected(&self.stand.connect_by_oauth("acme", AppOf::Hubspot, &FAST).await);
        self.stand.until("the connection is good again", async || !self.is_invalid().await).await;
    }
}

#[tokio::test]
async fn fetchers_killed_among_a_hundred_renewals_show_one_spent_token_at_most_and_ask_for_a_reconnect() {
    let mut stand = Stand::paced(vec![("SWITCHBOARD_CLAIM_S", "1".to_owned())]).await;
    with_hubspot(&stand).await;
    app(&stand, AppOf::Hubspot, AppChange::SetRotation { once: true });
    let mut roles = stand.start_all().await;
    stand.idle().await;
    roles.remove(1).stop().await;
    let mut dice = Dice::of(&[7]);
    let fetchers = [start(&mut stand, &mut dice).await, start(&mut stand, &mut dice).await];
    let mut play = Play { stand, dice, fetchers };
    let (mut deaths, mut reconnects) = (0, 0);
    while play.stats().refreshes < RENEWALS {
        let before = play.end_the_token().await;
        if play.dice.one_in(12) {
            let moment = *play.dice.pick(&[Moment::Intended, Moment::Given, Moment::Stored]);
            play.kill_both_at(moment, &before).await;
        }
        let died = play.outlast(&before).await;
        let (shown, is_lost) = (play.stats().spent_shown - before.stats.spent_shown, play.is_invalid().await);
        assert!(shown <= 1 && (died > 0 || !is_lost), "{shown} spent tokens, {died} deaths, lost: {is_lost}");
        // killed twice before the vendor was asked, it is given up without a look
        assert!(is_lost || shown == 0, "a spent token was shown, and nobody was told");
        deaths += died;
        if is_lost {
            reconnects += 1;
            play.connect_again().await;
        }
    }
    let stats = play.stats();
    let Play { stand, fetchers, .. } = play;
    println!("{deaths} deaths, {reconnects} reconnects, {stats:?}");
    assert!(deaths >= 10 && reconnects >= 2, "too few deaths to tell: {deaths}, {reconnects} reconnects");
    stand.idle().await;
    assert_eq!(events_of(&stand, "credential.invalidated").await, reconnects, "each is told of once");
    assert!(stand.json(&["dead", "list"]).await.is_empty());
    stand.assert_sums().await;
    roles.extend(fetchers.map(|one| one.role));
    stand.finish(roles).await;
}
