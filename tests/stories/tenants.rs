//! Two tenants with the same people, the same ids and the same recordings never mix.

use std::collections::BTreeSet;

use simulator::{Change, CrmChange, CrmKind, DocumentSize, WorkspaceSpec};
use stories::{Stand, compare_with_truth};

#[tokio::test]
async fn what_happens_to_one_tenant_never_shows_at_another_that_has_the_same_people_and_ids() {
    let mut stand = Stand::fresh().await;
    let spec = WorkspaceSpec {
        conversations: 60,
        days: 20,
        document_size: DocumentSize::Tiny,
        crm: CrmKind::HubSpot,
        ..WorkspaceSpec::named("acme")
    };
    let key = spec.key.clone();
    stand.tenant(spec).await;
    stand.connect_hubspot("acme", &[]).await;
    stand.connect("acme", &key, &[]).await;
    let twin = stand.twin("acme").await;
    let roles = stand.start_all().await;
    stand.idle().await;
    for tenant in ["acme", &twin] {
        compare_with_truth(&stand.world(), "acme", &stand.export(tenant).await);
    }
    let ids = async |tenant: &str| {
        let calls = stand.json(&["timeline", "--tenant", tenant, "--limit", "1000"]).await;
        calls.iter().map(|call| call["conversation_id"].to_string()).collect::<BTreeSet<_>>()
    };
    assert!(ids("acme").await.is_disjoint(&ids(&twin).await), "each has conversations of its own");

    // the CRM moves calls, a call becomes private, a person decides: each at one of them alone
    let (twins, world) = (stand.export(&twin).await, stand.world());
    let crm = CrmChange::MoveDomains { from: 3, to: 4 };
    world.change("acme", Change::Crm { crm }).expect("a change");
    let private = twins[0]["external_id"].as_str().expect("an id").to_owned();
    world.change("acme", Change::SetPrivate { id: private.clone(), private: true }).expect("a change");
    stand.ok(&["sync", "acme/hubspot"]).await;
    stand.resync("acme").await;
    stand.idle().await;
    let acmes = stand.export("acme").await;
    compare_with_truth(&world, "acme", &acmes);
    assert!(acmes.iter().all(|one| one["external_id"] != private.as_str()));
    assert_eq!(stand.export(&twin).await, twins, "nothing of it is the other's");
    let moved = ids("acme").await.into_iter().next().expect("a call");
    stand.ok(&["accounts", "move", moved.trim_matches('"'), "--none"]).await;
    assert_eq!(stand.export(&twin).await, twins);

    // everything of one is gone, the other goes on
    stand.ok(&["disconnect", "acme/attention", "--yes"]).await;
    stand.ok(&["sync", &format!("{twin}/hubspot")]).await;
    stand.resync(&twin).await;
    stand.idle().await;
    compare_with_truth(&world, "acme", &stand.export(&twin).await);
    stand.finish(roles).await;
}
