//! What is looked at again by itself when its day has come. The days are moved in the database: no test waits for them.

use simulator::{Change, DocumentSize, Endpoint, Shares, WorkspaceSpec};
use stories::{Stand, compare_with_truth};

fn spec() -> WorkspaceSpec {
    let (shares, document_size) = (Shares { private: 0.1, ..Shares::NONE }, DocumentSize::Tiny);
    WorkspaceSpec { conversations: 60, days: 15, shares, document_size, ..WorkspaceSpec::named("acme") }
}

/// Calls whose next look is not what the README says of a call of that age.
const LOOKS_AT_ANOTHER_TIME: &str = "
    SELECT count(*) FROM conversations c
    JOIN intake k ON k.connection_id = c.connection_id AND k.vendor_key = c.external_id
    WHERE k.look_reason <> 'second-look' OR k.look_at IS DISTINCT FROM CASE
        WHEN c.ended_at > now() - interval '24 hours' THEN c.ended_at + interval '24 hours'
        WHEN c.ended_at > now() - interval '168 hours' THEN c.ended_at + interval '168 hours' END";

async fn looks(stand: &Stand) -> i64 {
    stand.number("SELECT count(*) FROM intake WHERE look_at IS NOT NULL").await
}

#[tokio::test]
async fn every_recent_call_is_looked_at_again_a_day_and_a_week_after_it_ended() {
    let mut stand = Stand::fresh().await;
    // no run but a second look sees any call again
    stand.connected(spec(), &["--backfill-days", "16", "--lookback-s", "1"]).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    assert_eq!(stand.number(LOOKS_AT_ANOTHER_TIME).await, 0);
    let (recent, all) = (looks(&stand).await, stand.export("acme").await.len());
    assert!(recent > 15 && recent < 40 && all > 45, "{recent} of {all} calls are recent");

    let world = stand.world();
    let kept: Vec<String> =
        world.truth("acme").expect("a truth").filter(|one| one.skip.is_none()).map(|one| one.id).collect();
    let renamed = [&kept[0], &kept[1], &kept[12], &kept[20]];
    for id in renamed {
        let change = Change::SetTitle { id: id.clone(), title: format!("Renamed {id}") };
        world.change("acme", change).expect("a title");
    }
    stand.sync("acme").await;
    let titles = "SELECT count(*) FROM conversations WHERE title LIKE 'Renamed %'";
    assert_eq!(stand.number(titles).await, 0, "no run has seen them");
    world.reset_log("acme").expect("a fresh log");
    stand.database.execute("UPDATE intake SET look_at = look_at - interval '7 days'").await;
    stand.idle().await;
    compare_with_truth(&world, "acme", &stand.export("acme").await);
    let asked = world.stats("acme").expect("stats").by_endpoint;
    assert_eq!(asked.get(&Endpoint::Detail), Some(&recent.cast_unsigned()), "each once, and no older one");
    assert_eq!(asked.get(&Endpoint::List), None);
    assert_eq!((looks(&stand).await, stand.number(LOOKS_AT_ANOTHER_TIME).await), (recent, 0));
    stand.assert_sums().await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn all_history_is_walked_by_itself_once_a_week() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec(), &["--backfill-days", "16"]).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    // in minutes; a walk that was planned is spread by a tenth
    let next = "SELECT (extract(epoch FROM walk_due_at - now()) / 60)::bigint FROM streams WHERE stream = 'conversations'";
    let (week, walks) =
        (7 * 24 * 60, "SELECT count(*) FROM sync_runs WHERE kind = 'walk' AND stream = 'conversations'");
    assert!((week - 10..=week).contains(&stand.number(next).await));
    let world = stand.world();
    let old =
        world.truth("acme").expect("a truth").filter(|one| one.skip.is_none()).last().expect("a call").id;
    world.change("acme", Change::SetPrivate { id: old, private: true }).expect("made private");
    stand.sync("acme").await;
    assert_eq!(stand.number(walks).await, 0);

    stand.database.execute("UPDATE streams SET walk_due_at = walk_due_at - interval '7 days'").await;
    stand.idle().await;
    assert_eq!(stand.number(walks).await, 1);
    let users =
        "SELECT count(*) FROM sync_runs WHERE kind = 'walk' AND stream = 'users' AND state = 'settled'";
    assert_eq!(stand.number(users).await, 1, "the users are listed with it");
    compare_with_truth(&world, "acme", &stand.export("acme").await);
    assert!((week * 9 / 10 - 10..=week * 11 / 10).contains(&stand.number(next).await));
    stand.assert_sums().await;
    stand.finish(roles).await;
}
