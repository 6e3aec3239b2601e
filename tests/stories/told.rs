//! What operators are told: what is wrong, since when, and what to do.

use serde_json::Value;
use simulator::{Change, DocumentSize, Endpoint, Fault, FaultRule, RetryAfter, WorkspaceSpec};
use stories::{Role, Stand};

fn spec(name: &str) -> WorkspaceSpec {
    let document_size = DocumentSize::Tiny;
    WorkspaceSpec { conversations: 12, days: 5, document_size, ..WorkspaceSpec::named(name) }
}

/// What a command says that fails.
async fn refused(stand: &Stand, args: &[&str]) -> String {
    let output = stand.run(args).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "`{}`: {said}", args.join(" "));
    said
}

fn assert_says(text: &str, words: &[&str]) {
    for one in words {
        assert!(text.contains(one), "expected {one:?} of {text}");
    }
}

async fn connection(stand: &Stand) -> Value {
    stand.json(&["connections"]).await.remove(0)
}

async fn spoil(stand: &Stand, fault: Fault) {
    stand.world().add_fault("acme", FaultRule::from(fault).at(Endpoint::List)).expect("a fault");
    stand.ok(&["sync", "acme/attention"]).await;
}

#[tokio::test]
async fn a_fleet_that_is_away_is_missed_by_name() {
    let mut stand = Stand::fresh().await;
    let away = [
        "NOBODY consumes fetch.live, fetch.backfill: is a fetcher running?",
        "NOBODY consumes normalize.live, normalize.backfill, resolve: is a normalizer running?",
        "fetch.live.dead",
        "NO SCHEDULER has ever been seen",
    ];
    assert_says(&stand.ok(&["status"]).await, &away);
    let roles = stand.start_all().await;
    let complete = async || {
        let status = stand.ok(&["status"]).await;
        assert_says(&status, &["fetch.live", "normalize.backfill", "resolve"]);
        !status.contains("NOBODY") && !status.contains("NO SCHEDULER")
    };
    stand.until("everybody is there", complete).await;
    for mut role in roles {
        role.stop().await;
    }
    stand.database.execute("UPDATE heartbeats SET seen_at = now() - interval '250 seconds'").await;
    assert_says(&stand.ok(&["status"]).await, &["NO SCHEDULER has been seen for 4 min", away[0]]);
    let warnings = &stand.json(&["status"]).await[0]["warnings"];
    assert_eq!(warnings.as_array().map(Vec::len), Some(4), "{warnings}");
    stand.finish(Vec::new()).await;
}

/// Waits until the steward's numbers say so.
async fn counted(stand: &Stand, roles: &[Role], lines: &[&str]) {
    let steward = roles.iter().find(|role| role.name() == "steward").expect("a steward");
    stand
        .until("it is counted", async || {
            let numbers = steward.get("/metrics").await;
            lines.iter().all(|line| numbers.contains(line))
        })
        .await;
}

#[tokio::test]
async fn a_connection_that_only_fails_is_not_called_running() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec("acme"), &["--backfill-days", "0"]).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    let before = connection(&stand).await;
    assert!(before["status"] == "running" && before["last_synced_at"].is_string(), "{before}");
    assert!(before["due_at"].is_string(), "{before}");

    spoil(&stand, Fault::Quoted { status: 400, words: "no such window".to_owned() }).await;
    stand.until("it has failed", async || connection(&stand).await["failing"]["attempt"] == 4).await;
    for command in ["connections", "status"] {
        assert_says(
            &stand.ok(&[command]).await,
            &["failing since 20", "HTTP 400", "(attempt 4 of 4)", " ago"],
        );
    }
    counted(&stand, &roles, &[r#"switchboard_connections{status="failing"} 1"#]).await;
    stand.world().clear_faults("acme").expect("mended");
    stand.sync("acme").await;
    assert_eq!(connection(&stand).await["status"], "running");
    let well = [
        r#"switchboard_connections{status="failing"} 0"#,
        r#"switchboard_connections{status="running"} 1"#,
        r#"switchboard_queue_consumers{queue="fetch.live"} 1"#,
        "switchboard_outbox_oldest_seconds 0",
        "switchboard_scheduler_seen_timestamp_seconds 1",
        "switchboard_counted_timestamp_seconds 1",
    ];
    counted(&stand, &roles, &well).await;

    spoil(&stand, Fault::Forbidden).await;
    stand.until("it has failed", async || connection(&stand).await["failing"].is_object()).await;
    assert_says(&stand.ok(&["connections"]).await, &["HTTP 403", "the key may lack organization level"]);
    stand.world().clear_faults("acme").expect("mended");
    stand.sync("acme").await;

    stand.database.execute("UPDATE sync_runs SET listed_at = listed_at - interval '9 days'").await;
    let late = connection(&stand).await;
    assert_eq!((&late["status"], &late["overdue"]), (&"overdue: last sync 9 days ago".into(), &true.into()));
    stand.finish(roles).await;
}

#[tokio::test]
async fn work_that_waits_for_a_limit_says_until_when() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec("acme"), &["--backfill-days", "0"]).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    spoil(&stand, Fault::RateLimited { retry_after: RetryAfter::Seconds(600) }).await;
    stand.until("it waits", async || connection(&stand).await["blocked"] == "quota").await;
    for command in ["connections", "status", "runs"] {
        assert_says(&stand.ok(&[command]).await, &["parked: quota until 20", "(HTTP 429"]);
    }
    let note = stand.ok(&["sync", "acme/attention"]).await;
    assert_says(&note, &["its runs wait, because it is parked: quota until 20", "goes on by itself"]);
    stand.finish(roles).await;
}

#[tokio::test]
async fn what_a_person_must_do_is_said_where_it_is_seen() {
    let mut stand = Stand::fresh().await;
    stand.tenant(spec("acme")).await;
    let base = stand.base_url();
    let connect = ["connect", "attention", "--tenant", "acme", "--base-url", &base, "--allow-http"];
    let output = stand.run_with_input(&connect, "acme-key").await;
    let waits = ["its calls wait until the tenant has accounts", "switchboard accounts import --tenant acme"];
    assert_says(&String::from_utf8_lossy(&output.stdout), &waits);
    for command in ["connections", "status"] {
        assert_says(&stand.ok(&[command]).await, &waits);
    }

    stand.ok(&["disable", "acme/attention"]).await;
    let sync = ["sync", "acme/attention"];
    assert_says(&stand.ok(&sync).await, &["it is disabled: `switchboard enable acme/attention`"]);
    assert_says(&stand.ok(&["enable", "acme/attention"]).await, &["enabled, but it is parked: crm"]);
    stand.accounts("acme").await;
    stand.ok(&["pause", "acme/attention"]).await;
    assert_says(&stand.ok(&sync).await, &["it is paused: `switchboard resume acme/attention`"]);
    stand.ok(&["resume", "acme/attention"]).await;
    assert!(!stand.ok(&sync).await.contains("note"));

    let roles = stand.start_all().await;
    spoil(&stand, Fault::Unauthorized).await;
    stand.until("it is refused", async || connection(&stand).await["blocked"] == "credential").await;
    let again =
        ["refused since 20", "connect again with a new key: `switchboard connect attention --tenant acme`"];
    for args in [&["connections"][..], &["status"], &sync] {
        assert_says(&stand.ok(args).await, &again);
    }

    assert_says(&refused(&stand, &["disconnect", "acme/attention"]).await, &["destroy the secret", "--yes"]);
    assert_eq!(stand.number("SELECT count(*) FROM credentials").await, 1);
    stand.ok(&["disconnect", "acme/attention", "--yes"]).await;
    for command in ["resume", "enable"] {
        let said = refused(&stand, &[command, "acme/attention"]).await;
        assert_says(&said, &["it is disconnected: connect it again: `switchboard connect attention"]);
    }
    stand.discard(roles).await;
}

#[tokio::test]
async fn a_credential_is_not_sealed_under_a_key_that_no_role_has() {
    let stand = Stand::fresh().await;
    stand.connected(spec("acme"), &[]).await;
    stand.tenant(spec("beta")).await;
    let key = stand.path("other.key").display().to_string();
    stand.ok(&["key", "new", &key]).await;
    let (base, file) = (stand.base_url(), stand.path("beta.txt").display().to_string());
    std::fs::write(&file, "beta-key").expect("a file");
    let connect = [
        "connect",
        "attention",
        "--tenant",
        "beta",
        "--base-url",
        &base,
        "--allow-http",
        "--api-key-file",
        &file,
    ];
    let output = stand.run_with(&[("SWITCHBOARD_MASTER_KEY_FILE", &key)], &connect).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_says(&said, &["SWITCHBOARD_MASTER_KEY_FILE", "nothing was saved"]);
    assert_eq!(stand.json(&["connections"]).await.len(), 1);
    stand.ok(&connect).await;
    stand.finish(Vec::new()).await;
}

#[tokio::test]
async fn a_title_commands_no_terminal_and_a_call_is_found_by_whatever_names_it() {
    let mut stand = Stand::fresh().await;
    stand.connected(spec("acme"), &["--backfill-days", "7"]).await;
    let mut truth = stand.world().truth("acme").expect("a truth");
    let id = truth.find(|one| one.skip.is_none() && one.account.is_some()).expect("a call").id;
    let skipped = stand.world().truth("acme").expect("a truth").find(|one| one.skip.is_some());
    let title = "\u{1b}[31mred\u{7}\u{202e}\nsecond line".to_owned();
    stand.world().change("acme", Change::SetTitle { id: id.clone(), title: title.clone() }).expect("a title");
    let roles = stand.start_all().await;
    stand.idle().await;
    for args in [&["timeline", "--tenant", "acme"][..], &["where", &id], &["conversation", &id]] {
        let told = stand.ok(args).await;
        assert_says(&told, &["\u{fffd}[31mred"]);
        let commands = |one: char| one != '\n' && one.is_control() || one == '\u{202e}';
        assert!(!told.contains(commands), "{told:?}");
    }
    let entries = stand.json(&["timeline", "--tenant", "acme"]).await;
    let entry = entries.iter().find(|one| one["external_id"] == id.as_str()).expect("on the timeline");
    assert!(entry["title"] == title && entry["account_external_id"].is_string(), "{entry}");

    let told = stand.ok(&["where", &id.to_uppercase()]).await;
    let order = ["  first listed", "  stored", "  linked", "  last listed"].map(|stage| told.find(stage));
    assert!(order.is_sorted() && order[0].is_some(), "{told}");
    assert!(!told.contains("  skipped") && !told.contains("  dead"), "{told}");
    if let Some(skipped) = skipped {
        let found = &stand.json(&["where", &skipped.id]).await[0];
        assert!(found["skipped_at"].as_str() >= found["first_listed_at"].as_str(), "{found}");
    }
    stand.twin("acme").await;
    stand.idle().await;
    assert_says(&refused(&stand, &["conversation", &id]).await, &["fits 2 conversations", "of acme-twin"]);
    let notes = &stand.json(&["tenant", "list"]).await;
    assert_eq!(notes.len(), 2, "{notes:?}");
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_tenant_has_a_name_and_a_wrong_address_is_called_one() {
    let stand = Stand::fresh().await;
    for name in ["", "  ", "two\nlines", "\u{1b}[31m"] {
        assert_says(
            &refused(&stand, &["tenant", "add", "acme", "--name", name]).await,
            &["--name: expected a name"],
        );
    }
    let output = stand.run(&["tenant", "add", "acme", "--name", "Acme"]).await;
    assert_says(
        &String::from_utf8_lossy(&output.stderr),
        &["without --domain nobody is known as the tenant's own"],
    );
    assert_says(&refused(&stand, &["runs", "--tenant", "nobody"]).await, &["or take one of acme"]);
    let key = stand.path("new.key").display().to_string();
    assert!(stand.json(&["key", "new", &key]).await[0].get("credentials").is_none());

    let connect =
        ["connect", "attention", "--tenant", "acme", "--allow-http", "--base-url", "http://127.0.0.1:9/v2"];
    let output = stand.run_with_input(&connect, "a-key").await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_says(&said, &["cannot be reached: Connection refused", "check --base-url, or try again later"]);
    stand.finish(Vec::new()).await;
}
