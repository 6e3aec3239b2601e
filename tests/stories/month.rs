//! A month of changes at the recorder and the CRM: followed day by day it comes to what a look at its end comes to.

use simulator::{AddedKind, Change, CrmChange, CrmKind, DocumentSize, Shares, WorkspaceSpec};
use stories::{Stand, compare_histories, compare_with_truth};

const DAYS: usize = 30;

fn spec() -> WorkspaceSpec {
    WorkspaceSpec {
        conversations: 90,
        days: 30,
        document_size: DocumentSize::Tiny,
        shares: Shares { late_transcript: 0.1, ..Shares::default() },
        crm: CrmKind::HubSpot,
        ..WorkspaceSpec::named("acme")
    }
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
        Change::Add { count: 3, finished_at: None, kind: AddedKind::Ordinary },
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
    let roles = stand.start_all().await;
    stand.idle().await;
    compare_with_truth(&stand.world(), "acme", &stand.export("acme").await);
    for day in 0..DAYS {
        let calls: Vec<String> = stand.world().truth("acme").expect("a truth").map(|one| one.id).collect();
        for change in happens(day, &calls) {
            stand
                .world()
                .change("acme", change.clone())
                .unwrap_or_else(|error| panic!("{change:?}: {error}"));
        }
        stand.ok(&["sync", "acme/hubspot"]).await;
        // what changed lies anywhere in the month
        stand.sync_days("acme", 35).await;
        if day % 5 == 4 {
            stand.idle().await;
            stand.assert_sums().await;
        }
    }
    // dates do not move for everything in a CRM: what no increment shows is the walk's to find
    stand.ok(&["sync", "acme/hubspot", "--walk"]).await;
    stand.resync("acme").await;
    stand.idle().await;
    let followed = stand.export("acme").await;
    compare_with_truth(&stand.world(), "acme", &followed);
    compare_histories(followed, stand.undisturbed("acme").await);
    assert!(stand.json(&["dead", "list"]).await.is_empty());
    stand.assert_sums().await;
    stand.finish(roles).await;
}
