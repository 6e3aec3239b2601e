//! Bad input gets a clear sentence, and loses nothing.

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
    let table: [(&[&str], &str, &str); 9] = [
        (&["tenant", "add", "acme", "--name", "Again"], "", "exists already"),
        (&["tenant", "add", "No Name", "--name", "x"], "", "tenant id"),
        (&["tenant", "add", "x", "--name", "x", "--domain", "nonsense"], "", "no mail domain"),
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
    assert!(refused(&stand, &window, "").await.1.contains("ends before it begins"));
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
