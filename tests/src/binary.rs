//! The binary under test, with failpoints.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tokio::sync::OnceCell;

static BINARY: OnceCell<PathBuf> = OnceCell::const_new();

/// Builds the binary, unless `SWITCHBOARD_TEST_BINARY` names one, and says where it is.
pub(crate) async fn binary() -> &'static PathBuf {
    BINARY
        .get_or_init(|| async {
            let named = runtime::Env::from_process().text("SWITCHBOARD_TEST_BINARY").map(PathBuf::from);
            match named {
                Some(path) => path,
                None => tokio::task::spawn_blocking(build).await.expect("a build that does not panic"),
            }
        })
        .await
}

fn build() -> PathBuf {
    let output = Command::new(env!("CARGO"))
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
