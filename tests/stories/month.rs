//! A month of changes at two recorders and the CRM: followed day by day it comes to what a look at its end comes to.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use simulator::{
    AddedKind, Change, CrmChange, CrmKind, DocumentSize, GongSettings, GongSpec, Settings, Shares,
    WorkspaceSpec,
};
use stories::{Stand, compare_histories, compare_meetings, compare_with_gong, compare_with_truth};

const DAYS: usize = 30;

/// All of Gong's month, as fast as the stand-in answers: its limits are off.
const ALL_OF_GONG: [&str; 8] = [
    "--backfill-days",
    "35",
    "--requests-per-second",
    "500",
    "--requests-per-day",
    "1000000",
    "--in-flight",
    "8",
];

/// Most meetings are recorded by both, some by one of them, and Gong comes late now and then.
fn spec() -> WorkspaceSpec {
    let spec = WorkspaceSpec::named("acme");
    let gong = GongSpec {
        share: 0.6,
        attention_share: 0.9,
        late_max_s: 120,
        linkless_share: 0.2,
        ..spec.gong.clone()
    };
    let unlimited = GongSettings { rate_limit: None, day_limit: None };
    WorkspaceSpec {
        gong,
        settings: Settings { gong: unlimited, ..Settings::default() },
        conversations: 90,
        days: 30,
        document_size: DocumentSize::Tiny,
        shares: Shares { late_transcript: 0.1, ..Shares::default() },
        crm: CrmKind::HubSpot,
        ..spec
    }
}

/// New calls of a day: hours apart from one another and from those of every other day.
fn new_calls(day: usize, now: Timestamp) -> impl Iterator<Item = Change> {
    (0..3).map(move |nth| {
        let hours = i64::try_from(24 * day + 8 * nth + 5).expect("a month of hours");
        let finished_at = now.checked_sub(SignedDuration::from_hours(hours)).expect("a time");
        Change::Add { count: 1, finished_at: Some(finished_at), kind: AddedKind::Ordinary }
    })
}

/// Every call of both recorders, on whose account it is, and with which copies it makes one meeting.
fn compare_everything(stand: &Stand, exported: &[Value]) {
    let world = stand.world();
    compare_with_truth(&world, "acme", exported);
    compare_with_gong(&world, "acme", exported);
    compare_meetings(&world, "acme", exported);
}

/// What happens on a day: something at the recorder, something in the CRM, each kind again and again and never in the same company.
fn happens(day: usize, calls: &[String]) -> Vec<Change> {
    let call = |nth: usize| calls[(day * 7 + nth * 13) % calls.len()].clone();
    let account = day % 39;
    let crm = match day % 10 {
        0 => CrmChange::MoveContact { account, contact: 1, to: account + 1 },
        1 => CrmChange::MoveDomains { from: account, to: account + 1 },
        2 => CrmChange::DeleteContact { account, contact: 0 },
        3 => CrmChange::DeleteAccount { account },
        4 => CrmChange::MergeAccounts { loser: account, winner: account + 1 },
        5 => CrmChange::TouchContact { account, contact: 2 },
        6 => CrmChange::RestoreContact { account: account - 4, contact: 0 },
        7 => CrmChange::RestoreAccount { account: account - 4 },
        // a chain: the winner of before loses in its turn
        8 => CrmChange::MergeAccounts { loser: account - 3, winner: account },
        _ => CrmChange::MoveDomains { from: account - 9, to: account },
    };
    let mut changes = vec![
        Change::Crm { crm },
        Change::SetTitle { id: call(0), title: format!("Renamed on day {day}") },
        Change::ChangeInsight { id: call(1) },
        Change::SetPrivate { id: call(2), private: !day.is_multiple_of(3) },
        Change::SetArchived { id: call(3), archived: day.is_multiple_of(2) },
    ];
    if day % 10 == 9 {
        changes.push(Change::AllTranscriptsArrive);
    }
    changes
}

#[tokio::test]
async fn a_month_followed_day_by_day_is_the_month_as_it_stands_at_its_end() {
    let mut stand = Stand::fresh().await;
    stand.tenant(spec()).await;
    stand.connect_hubspot("acme", &[]).await;
    stand.connect("acme", "acme-key", &[]).await;
    stand.connect_gong("acme", &ALL_OF_GONG).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    compare_everything(&stand, &stand.export("acme").await);
    for day in 0..DAYS {
        let calls: Vec<String> = stand.world().truth("acme").expect("a truth").map(|one| one.id).collect();
        for change in happens(day, &calls).into_iter().chain(new_calls(day, stand.world().now())) {
            stand
                .world()
                .change("acme", change.clone())
                .unwrap_or_else(|error| panic!("{change:?}: {error}"));
        }
        stand.ok(&["sync", "acme/hubspot"]).await;
        // what changed lies anywhere in the month
        stand.sync_days("acme", 35).await;
        stand.sync_days_of("acme/gong", 35).await;
        if day % 5 == 4 {
            stand.idle().await;
            stand.assert_sums().await;
        }
    }
    // dates do not move for everything in a CRM: what no increment shows is the walk's to find
    stand.ok(&["sync", "acme/hubspot", "--walk"]).await;
    stand.resync("acme").await;
    stand.sync_days_of("acme/gong", 35).await;
    stand.idle().await;
    let followed = stand.export("acme").await;
    compare_everything(&stand, &followed);
    let twin = stand.twin("acme").await;
    stand.connect_gong_of(&twin, "acme", &ALL_OF_GONG).await;
    stand.idle().await;
    compare_histories(followed, stand.export(&twin).await);
    assert!(stand.json(&["dead", "list"]).await.is_empty());
    stand.assert_sums().await;
    stand.finish(roles).await;
}
