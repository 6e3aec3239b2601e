//! Bad input gets a clear sentence, and loses nothing.

use std::net::TcpListener;
use std::process::Stdio;

use queue::Outgoing;
use queue::topology::WORK_QUEUES;
use simulator::WorkspaceSpec;
use stories::Stand;

/// Gives a command that must fail; returns its exit code and what it says.
async fn refused(stand: &Stand, args: &[&str], input: &str) -> (Option<i32>, String) {
    let output = stand.run_with_input(args, input).await;
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success(), "`{}` was not refused: {text}", args.join(" "));
    assert!(!text.contains("panicked") && !text.contains("RUST_BACKTRACE"), "{text}");
    (output.status.code(), text)
}

#[tokio::test]
async fn commands_say_what_is_wrong_and_what_to_do() {
    let stand = Stand::fresh().await;
    stand.tenant(WorkspaceSpec::named("acme")).await;
    let base = stand.base_url();
    let table: [(&[&str], &str, &str); 11] = [
        (&["tenant", "add", "acme", "--name", "Again"], "", "exists already"),
        (&["tenant", "add", "No Name", "--name", "x"], "", "tenant id"),
        (&["tenant", "add", "x", "--name", "x", "--domain", "nonsense"], "", "no mail domain"),
        (&["tenant", "add", "x", "--name", "x", "--domain", "Gmail.com."], "", "free mail"),
        (
            &["connect", "attention", "--tenant", "acme", "--requests-per-second", "1e-300"],
            "k",
            "from 0.01 to",
        ),
        (&["connect", "attention", "--tenant", "nobody"], "k", "tenant add nobody"),
        (&["connect", "attention", "--tenant", "acme", "--base-url", "http://h/v2"], "k", "plain http"),
        (&["connect", "attention", "--tenant", "acme", "--base-url", &base, "--allow-http"], "", "one word"),
        (
            &[
                "connect",
                "attention",
                "--tenant",
                "acme",
                "--base-url",
                "http://127.0.0.1:1/v2",
                "--allow-http",
            ],
            "k",
            "cannot be",
        ),
        (&["sync", "nothing"], "", "connections` lists"),
        (&["timeline", "--tenant", "nobody"], "", "no tenant"),
    ];
    for (args, input, words) in table {
        let (_, text) = refused(&stand, args, input).await;
        assert!(text.contains(words), "`{}` says {text}", args.join(" "));
    }
    stand.connect("acme", "acme-key", &[]).await;
    let window = ["sync", "acme/attention", "--from", "2026-02-01", "--to", "2026-01-01"];
    let (code, text) = refused(&stand, &window, "").await;
    assert!(text.contains("ends before it begins"), "{text}");
    assert_eq!(code, Some(2), "wrong usage");
    let (code, _) = refused(&stand, &["sync", "acme/attention", "--from", "soon", "--to", "later"], "").await;
    assert_eq!(code, Some(2), "wrong usage");
    stand.finish(Vec::new()).await;
}

#[tokio::test]
async fn a_slip_of_the_pen_is_told_and_does_not_look_like_an_empty_answer() {
    const NOBODY: &str = "there is no tenant nobody: add it with `switchboard tenant add nobody";
    let stand = Stand::fresh().await;
    stand.tenant(WorkspaceSpec::named("acme")).await;
    let id = "0194f5c0-0000-7000-8000-000000000000";
    let table: [(&[&str], i32, &str); 17] = [
        (&["wait", "--idle", "--tenant", "nobody"], 1, NOBODY),
        (&["runs", "--tenant", "nobody"], 1, NOBODY),
        (&["connections", "--tenant", "nobody"], 1, NOBODY),
        (&["timeline", "--tenant", "nobody"], 1, NOBODY),
        (&["export", "conversations", "--tenant", "nobody"], 1, NOBODY),
        (&["dead", "list", "--tenant", "nobody"], 1, NOBODY),
        (&["dead", "replay", "--tenant", "nobody"], 1, NOBODY),
        (&["timeline", "--tenant", "acme", "--account", "nothing"], 1, "accounts list --tenant acme"),
        (&["dead", "replay", "--group", "nothing"], 1, "`switchboard dead groups` lists them"),
        (&["dead", "discard", "--group", "nothing", "--reason", "r", "--yes"], 1, "dead groups"),
        (&["dead", "replay", id], 1, "`switchboard dead list` lists them"),
        (&["dead", "discard", id, "--reason", "r", "--yes"], 1, "dead list"),
        (&["wait", "--idle", "--timeout", "18446744073709551615"], 2, "31536000"),
        (&["runs", "--limit=-1"], 2, "--limit"),
        (&["timeline", "--tenant", "acme", "--limit=-1"], 2, "--limit"),
        (&["dead", "list", "--limit=-1"], 2, "--limit"),
        (&["events", "tail", "-n=-1"], 2, "--lines"),
    ];
    for (args, code, words) in table {
        let (exit, text) = refused(&stand, args, "").await;
        assert!(exit == Some(code) && text.contains(words), "`{}`: {exit:?} {text}", args.join(" "));
    }
    stand.finish(Vec::new()).await;
}

#[tokio::test]
async fn one_day_is_a_window_and_a_closed_letter_plans_nothing_again() {
    let stand = Stand::fresh().await;
    stand.connected(WorkspaceSpec::named("acme"), &[]).await;
    let day = ["sync", "acme/attention", "--from", "2026-01-31", "--to", "2026-01-31"];
    assert!(stand.ok(&day).await.contains("from 2026-01-31T00:00:00Z to 2026-02-01T00:00:00Z"));
    stand.database.execute("UPDATE sync_runs SET state = 'failed', failed_reason = 'a test'").await;
    let id = "0194f5c0-0000-7000-8000-000000000001";
    let closed = format!(
        "INSERT INTO dead_letters (dead_letter_id, tenant_id, connection_id, run_id, stage, origin_queue, body, headers,
             error_class, error, fingerprint, attempts, first_failed_at, last_failed_at, worker, state)
         SELECT '{id}', tenant_id, connection_id, run_id, 'fetch', 'fetch.backfill', '', '{{}}', 'vendor', 'e', 'f', 1, now(), now(),
             'w', 'closed' FROM sync_runs"
    );
    stand.database.execute(&closed).await;
    assert!(stand.ok(&["dead", "replay", id]).await.contains("is done: 1 superseded"));
    assert_eq!(stand.number("SELECT count(*) FROM sync_runs WHERE state = 'failed'").await, 1);
    let discard = ["dead", "discard", id, "--reason", "r", "--yes"];
    assert!(stand.ok(&discard).await.contains("discarded 0"));
    stand.finish(Vec::new()).await;
}

#[tokio::test]
async fn status_tells_what_it_can_without_the_broker_or_a_queue() {
    let stand = Stand::fresh().await;
    stand.connected(WorkspaceSpec::named("acme"), &[]).await;
    let unreachable = [("AMQP_URL", "amqp://guest:guest@127.0.0.1:1/%2f")];
    let output = stand.run_with(&unreachable, &["status"]).await;
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("acme/attention") && said.contains("broker: unreachable: "), "{said}");
    let output = stand.run_with(&unreachable, &["status", "--json"]).await;
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(told["broker"].as_str().expect("words").starts_with("unreachable: "), "{told}");
    assert_eq!((output.status.code(), told["connections"].as_array().map(Vec::len)), (Some(1), Some(1)));

    stand.vhost.delete_queue("fetch.live").await;
    let output = stand.run(&["status"]).await;
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let mut lines = said.lines().filter(|line| line.contains("missing"));
    assert!(lines.next().is_some_and(|line| line.trim_start().starts_with("fetch.live ")), "{said}");
    assert!(lines.next().is_none() && said.contains("acme/attention"), "{said}");
    stand.ok(&["migrate"]).await;
    stand.ok(&["status"]).await;
    stand.finish(Vec::new()).await;
}

#[tokio::test]
async fn a_role_whose_port_is_taken_says_so_and_nothing_else() {
    let stand = Stand::fresh().await;
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("its address").to_string();
    let output = stand.run_with(&[("SWITCHBOARD_LISTEN", &address)], &["fetcher"]).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains(&format!("cannot listen on {address} (SWITCHBOARD_LISTEN)")), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    stand.finish(Vec::new()).await;
}

#[tokio::test]
async fn a_full_disk_is_a_failure_and_a_reader_who_has_seen_enough_is_none() {
    let stand = Stand::fresh().await;
    let mut full = stand.command(&["status"]).await;
    full.stdout(std::fs::File::options().write(true).open("/dev/full").expect("a full device"));
    let output =
        full.stderr(Stdio::piped()).spawn().expect("a process").wait_with_output().await.expect("an end");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("cannot write to standard output"), "{said}");

    let mut unread = stand.command(&["status"]).await;
    let mut child = unread.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a process");
    drop(child.stdout.take());
    let output = child.wait_with_output().await.expect("an end");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    stand.finish(Vec::new()).await;
}

#[tokio::test]
async fn good_lines_of_a_csv_are_imported_and_bad_ones_listed_by_number() {
    let stand = Stand::fresh().await;
    stand.tenant(WorkspaceSpec::named("acme")).await;
    let file = stand.path("accounts.csv");
    std::fs::write(&file, "external_id,name,domains\nA1,Good,good.com\n,Bad,bad.com\nA3,Too,many,fields\n")
        .expect("a file");
    let (code, text) =
        refused(&stand, &["accounts", "import", "--tenant", "acme", &file.display().to_string()], "").await;
    assert_eq!(code, Some(3), "done in part");
    assert!(text.contains("line 3") && text.contains("line 4") && text.contains("1 added"), "{text}");
    stand.finish(Vec::new()).await;
}

#[tokio::test]
async fn a_malformed_message_in_any_queue_becomes_a_letter_with_its_bytes() {
    let mut stand = Stand::fresh().await;
    let bodies: [&[u8]; 4] = [b"", b"\xff\x00garbage", b"{\"version\":99}", b"[1,2,3]"];
    let broker = stand.vhost.broker();
    for queue in WORK_QUEUES {
        for body in bodies {
            broker.publisher().publish(Outgoing::to_work(queue, body.to_vec())).await.expect("published");
        }
    }
    broker.close().await;
    let roles = stand.start_all().await;
    let expected = WORK_QUEUES.len() * bodies.len();
    stand.until("all are filed", async || stand.dead().await == expected).await;
    let letters = stand.json(&["dead", "list"]).await;
    assert_eq!(letters.len(), expected);
    assert!(letters.iter().all(|letter| letter["class"] == "undecodable"), "{letters:?}");
    let id = letters[0]["id"].as_str().expect("an id");
    assert!(stand.ok(&["dead", "show", id]).await.contains("\"body\""));
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_letter_without_a_reason_says_so_until_its_bytes_die_of_one() {
    let mut stand = Stand::fresh().await;
    let broker = stand.vhost.broker();
    let queue = WORK_QUEUES[0];
    broker
        .publisher()
        .publish(Outgoing::to_queue(queue.dead(), b"garbage".to_vec()))
        .await
        .expect("published");
    let roles = stand.start_all().await;
    stand.until("it is filed", async || stand.dead().await == 1).await;
    let letter = &stand.json(&["dead", "list"]).await[0];
    assert_eq!((&letter["class"], &letter["deaths"]), (&"unexplained".into(), &1.into()));
    assert!(letter["error"].as_str().expect("words").contains("by hand"), "{letter}");

    broker.publisher().publish(Outgoing::to_work(queue, b"garbage".to_vec())).await.expect("published");
    broker.close().await;
    let explained = "SELECT count(*) FROM dead_letters WHERE error_class = 'undecodable' AND deaths = 2";
    stand.until("its reason is known", async || stand.number(explained).await == 1).await;
    stand.finish(roles).await;
}

#[tokio::test]
async fn a_database_that_is_not_migrated_is_named_as_such() {
    let stand = Stand::fresh().await;
    stand.database.execute("DELETE FROM refinery_schema_history WHERE version > 3").await;
    assert!(refused(&stand, &["status"], "").await.1.contains("switchboard migrate"));
    stand
        .database
        .execute("INSERT INTO refinery_schema_history VALUES (999, 'later', now()::text, '0')")
        .await;
    assert!(refused(&stand, &["status"], "").await.1.contains("update the program"));
    stand.finish(Vec::new()).await;
}
