//! The binary under test, with failpoints.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use runtime::Env;
use serde_json::Value;
use tokio::sync::OnceCell;

static BINARY: OnceCell<PathBuf> = OnceCell::const_new();

/// Builds the binary, unless `SWITCHBOARD_TEST_BINARY` names one, and says where it is.
pub(crate) async fn binary() -> &'static PathBuf {
    BINARY
        .get_or_init(|| async {
            let env = Env::from_process();
            match env.text("SWITCHBOARD_TEST_BINARY") {
                Some(named) => PathBuf::from(named),
                None => tokio::task::spawn_blocking(move || build_once(&env))
                    .await
                    .expect("a build that does not panic"),
            }
        })
        .await
}

/// Nextest gives every test a process of its own; of one run, the first builds for all, and notes the run and what it built.
fn build_once(env: &Env) -> PathBuf {
    let Some(run) = env.text("NEXTEST_RUN_ID") else { return build() };
    let note = std::env::current_exe().expect("this program").with_extension("run");
    let mut note = File::options().create(true).append(true).read(true).open(note).expect("a file beside it");
    note.lock().expect("the others are waited for");
    let noted = std::io::read_to_string(&note).expect("a note");
    if let Some(("", path)) = noted.strip_prefix(&run).and_then(|rest| rest.split_once('\n')) {
        return PathBuf::from(path);
    }
    let path = build();
    note.set_len(0).expect("a new note");
    write!(note, "{run}\n{}", path.display()).expect("a new note");
    path
}

fn build() -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    // a test runner tells its tests about their package; told the same, build scripts would run anew, and all that is built on them
    let of_this_package = std::env::vars_os().map(|(name, _)| name).filter(|name| {
        name.to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
    });
    for name in of_this_package {
        cargo.env_remove(name);
    }
    let output = cargo
        .args(["build", "--package", "switchboard", "--features", "failpoints", "--message-format", "json"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "the binary builds: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let messages = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut executables = messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
    executables
        .find(|path| path.file_name().is_some_and(|name| name == "switchboard"))
        .expect("an executable")
}
