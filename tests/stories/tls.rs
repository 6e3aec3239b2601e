//! Servers that accept nothing but TLS: with the right authority everything works, and what is wrong is said in a sentence.

use std::path::PathBuf;

use runtime::Env;
use secrecy::ExposeSecret as _;
use simulator::{AddedKind, Change, DocumentSize, WorkspaceSpec};
use stories::{Authority, Role, Stack, Stand, compare_with_truth};

/// Stands in for every password, so that one that is shown is seen.
const PASSWORD: &str = "hunter2";

/// The folder with what the servers use and with what a client may believe.
struct Certificates {
    folder: tempfile::TempDir,
    authority: Authority,
}

impl Certificates {
    fn make() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let authority = Authority::make(&folder.path().join("ca.crt"));
        Authority::make(&folder.path().join("other.crt"));
        authority.certify(folder.path());
        Self { folder, authority }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

fn spec() -> WorkspaceSpec {
    let document_size = DocumentSize::Tiny;
    WorkspaceSpec { conversations: 60, days: 40, document_size, ..WorkspaceSpec::named("acme") }
}

#[tokio::test]
async fn over_tls_all_arrives_and_whatever_is_false_is_refused_with_a_sentence() {
    let certificates = Certificates::make();
    let stack = Stack::up_with(&[("SWITCHBOARD_LOCAL_TLS_DIR", certificates.folder.path())]).await;
    let mut stand = Stand::on_stack(&stack).await;
    assert!(stand.ok(&["migrate"]).await.contains("up to date"));

    stand.connected(spec(), &[]).await;
    let roles = stand.start_all().await;
    stand.idle().await;
    compare_with_truth(&stand.world(), "acme", &stand.export("acme").await);

    the_database_is_refused(&stand, &certificates).await;
    the_broker_is_refused(&stand, &certificates).await;
    a_role_waits_and_says_why(&mut stand, &certificates).await;
    roles_go_on_when_a_certificate_is_renewed(&stack, &stand, &roles, &certificates).await;
    stand.assert_sums().await;
    stand.finish(roles).await;
}

/// Gives `migrate` with these settings, and looks for a sentence: one line, without passwords.
async fn refused(stand: &Stand, settings: &[(&str, &str)], says: &[&str]) {
    // as it is logged when nobody says otherwise
    let settings = [settings, &[("SWITCHBOARD_LOG", "")]].concat();
    let output = stand.run_with(&settings, &["migrate"]).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let what = format!("{settings:?}: {said}");
    assert!(matches!(output.status.code(), Some(1 | 2)), "{what}");
    assert!(said.starts_with("switchboard: ") && said.lines().count() == 1, "{what}");
    assert!(says.iter().all(|part| said.contains(part)), "expected {says:?} of {what}");
    assert!(!said.contains(PASSWORD), "{what}");
}

fn at_a_name(url: &str) -> String {
    url.replace("127.0.0.1", "localhost")
}

fn with_password(url: &str, password: &str) -> String {
    url.replace(&format!(":{password}@"), &format!(":{PASSWORD}@"))
}

/// The same servers as every test has, without TLS.
fn plain(setting: &str) -> String {
    Env::from_process().required(setting).expect("a stack without TLS: see `make test`")
}

async fn the_database_is_refused(stand: &Stand, certificates: &Certificates) {
    let url = with_password(stand.database.url().expose_secret(), "switchboard_test");
    let (address, _) = url.split_once('?').expect("parameters");
    let to = |parameters: String| format!("{address}?{parameters}");
    let trusting = |file: &str| to(format!("sslmode=verify-full&sslrootcert={}", certificates.text(file)));
    let weaker = |mode: &str| url.replace("verify-full", mode);
    let full = "sslmode=verify-full";
    let cases = [
        (trusting("other.crt"), ["name that authority with sslrootcert", "DATABASE_URL"]),
        (to(full.to_owned()), ["name that authority with sslrootcert", "DATABASE_URL"]),
        (at_a_name(&url), ["not valid for name \"localhost\"", "connect to a name"]),
        (trusting("nowhere.crt"), ["nowhere.crt", "No such file"]),
        (trusting("server.key"), ["server.key", "holds no certificate"]),
        (address.to_owned(), ["no encryption", full]),
        (to("sslmode=disable".to_owned()), ["no encryption", full]),
        (weaker("prefer"), ["sslmode=prefer", "use verify-full"]),
        (to("sslmode=require".to_owned()), ["would trust any server", "use verify-full"]),
        (to("sslmode=sure".to_owned()), ["sslmode \"sure\"", "use verify-full"]),
        (
            format!("{}?{full}", plain("SWITCHBOARD_TEST_DATABASE_URL")),
            ["does not support TLS", "sslmode=disable"],
        ),
        // libpq compares no names here, so the connection stands, and only the password is wrong
        (at_a_name(&weaker("verify-ca")), ["password", "authentication failed"]),
        (at_a_name(&weaker("require")), ["password", "authentication failed"]),
    ];
    for (url, says) in &cases {
        refused(stand, &[("DATABASE_MIGRATE_URL", url)], says).await;
    }
}

async fn the_broker_is_refused(stand: &Stand, certificates: &Certificates) {
    let url = with_password(stand.vhost.url(), "guest");
    let (insecure, plain) = (url.replace("amqps://", "amqp://"), plain("SWITCHBOARD_TEST_AMQP_URL"));
    let (right, other) = (certificates.text("ca.crt"), certificates.text("other.crt"));
    let (nowhere, key) = (certificates.text("nowhere.crt"), certificates.text("server.key"));
    let cases = [
        (url.clone(), other, ["invalid peer certificate", "name that authority with AMQP_CA_FILE"]),
        (url.clone(), String::new(), ["invalid peer certificate", "name that authority with AMQP_CA_FILE"]),
        (at_a_name(&url), right.clone(), ["not valid for name \"localhost\"", "connect to a name"]),
        (url.clone(), nowhere, ["AMQP_CA_FILE", "No such file"]),
        (url.clone(), key, ["AMQP_CA_FILE", "holds no certificate"]),
        (insecure.clone(), String::new(), ["if this port expects TLS", "amqps://"]),
        (insecure, right.clone(), ["AMQP_CA_FILE", "amqps://"]),
        (plain.replace("amqp://", "amqps://"), right.clone(), ["does not speak TLS", "name the one"]),
        (url, right, ["ACCESS_REFUSED", "broker"]),
    ];
    for (url, authority, says) in &cases {
        refused(stand, &[("AMQP_MIGRATE_URL", url), ("AMQP_CA_FILE", authority)], says).await;
    }
}

/// Both servers may be mended without it, so it stays; and it does not hammer at them.
async fn a_role_waits_and_says_why(stand: &mut Stand, certificates: &Certificates) {
    let url = stand.database.url().expose_secret().to_owned();
    let database = url.replace("ca.crt", "other.crt");
    let settings = [("DATABASE_URL", &*database), ("AMQP_CA_FILE", &certificates.text("other.crt"))];
    let mut role = stand.start_with("normalizer", &settings).await;
    let (database, broker) = ("with sslrootcert in DATABASE_URL", "with AMQP_CA_FILE");
    stand
        .until("both are named", async || role.log().contains(database) && role.log().contains(broker))
        .await;
    stand.until("it has tried again", async || role.log().matches(database).count() > 1).await;
    assert!(role.is_running());
    assert!(role.log().lines().count() < 20, "{}", role.log());
    role.stop().await;
}

async fn roles_go_on_when_a_certificate_is_renewed(
    stack: &Stack,
    stand: &Stand,
    roles: &[Role],
    certificates: &Certificates,
) {
    certificates.authority.certify_expired(certificates.folder.path());
    stack.give("restart-rabbitmq").await;
    let (url, authority) = (with_password(stand.vhost.url(), "guest"), certificates.text("ca.crt"));
    let settings = [("AMQP_MIGRATE_URL", &*url), ("AMQP_CA_FILE", &*authority)];
    refused(stand, &settings, &["expired", "renew the server's certificate"]).await;
    let says_so = |role: &Role, whose: &str| {
        role.log().lines().any(|line| line.contains(whose) && line.contains("renew the server's certificate"))
    };
    stand.until("all say so", async || roles.iter().all(|role| says_so(role, "the broker"))).await;
    stack.give("restart-postgres").await;
    let url = with_password(stand.database.url().expose_secret(), "switchboard_test");
    refused(stand, &[("DATABASE_MIGRATE_URL", &url)], &["expired", "renew the server's certificate"]).await;
    stand.until("a role says so", async || roles.iter().any(|role| says_so(role, "the database"))).await;

    certificates.authority.certify(certificates.folder.path());
    stack.give("restart-postgres").await;
    stack.give("restart-rabbitmq").await;
    let calls = Change::Add { count: 5, finished_at: None, kind: AddedKind::Ordinary };
    stand.world().change("acme", calls).expect("new calls");
    stand.sync("acme").await;
    compare_with_truth(&stand.world(), "acme", &stand.export("acme").await);
}
