//! A person with a browser, who consents.

use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use simulator::AppOf;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::ChildStdin;

use crate::Stand;

/// What a command with a person at it came to.
pub struct Consented {
    /// Its exit code.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it said.
    pub stderr: String,
}

/// Asks for an address as a browser does; gives the address that it is sent on to.
pub async fn visit(address: &str) -> Option<String> {
    let rest = address.strip_prefix("http://").expect("plain http");
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(host).await.expect("somebody there");
    let request = format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    let location = answer.lines().find_map(|line| line.strip_prefix("location: "));
    location.map(|location| location.trim().to_owned())
}

impl Stand {
    /// Where a person consents to a workspace's app.
    pub fn auth_url(&self, of: AppOf) -> String {
        match of {
            AppOf::Gong => format!("{}/oauth2/authorize", self.gong_url()),
            AppOf::Hubspot => format!("{}/oauth/authorize", self.hubspot_url()),
            AppOf::Salesforce => format!("{}/services/oauth2/authorize", self.salesforce_url()),
        }
    }

    /// Writes the app of a workspace into a file, with a redirect address of its own; returns the file.
    pub fn app_file(&self, workspace: &str, of: AppOf, redirect_uri: Option<&str>) -> String {
        let (id, secret) = self.world().app(workspace, of).expect("an app");
        let file = self.path(&format!("{workspace}-{of:?}.json"));
        let mut app = json!({ "client_id": id, "client_secret": secret });
        if let Some(redirect_uri) = redirect_uri {
            app["redirect_uri"] = json!(redirect_uri);
        }
        std::fs::write(&file, app.to_string()).expect("a file");
        file.display().to_string()
    }

    /// How a workspace is connected by OAuth.
    pub fn oauth_args(&self, workspace: &str, of: AppOf, file: &str, options: &[&str]) -> Vec<String> {
        let (vendor, base) = match of {
            AppOf::Gong => ("gong", self.gong_url()),
            AppOf::Hubspot => ("hubspot", self.hubspot_url()),
            AppOf::Salesforce => ("salesforce", self.salesforce_url()),
        };
        let auth_url = self.auth_url(of);
        let mut args: Vec<String> =
            ["connect", vendor, "--tenant", workspace, "--base-url", &base, "--allow-http"]
                .into_iter()
                .chain([
                    "--json",
                    "--interval-s",
                    "86400",
                    "--oauth-client-file",
                    file,
                    "--auth-url",
                    &auth_url,
                ])
                .map(str::to_owned)
                .collect();
        args.extend(options.iter().map(|option| (*option).to_owned()));
        args
    }

    /// Gives a command that prints the address of a consent, and does with it what a person does, who may also type.
    pub async fn with_person(
        &self,
        args: &[String],
        person: impl AsyncFnOnce(String, &mut ChildStdin),
    ) -> Consented {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut command = self.command(&args).await;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("a process");
        let mut stdin = child.stdin.take().expect("a pipe");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let mut stderr = String::new();
        let said = tokio::time::timeout(Duration::from_mins(1), async {
            while let Some(line) = lines.next_line().await.expect("text") {
                stderr.extend([line.as_str(), "\n"]);
                if line.starts_with("http://") {
                    person(line, &mut stdin).await;
                    break;
                }
            }
            while let Some(line) = lines.next_line().await.expect("text") {
                stderr.extend([line.as_str(), "\n"]);
            }
        });
        said.await.expect("the command ends");
        drop(stdin);
        let output = child.wait_with_output().await.expect("an output");
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        self.keep_a_copy(format!("{stdout}{stderr}").as_bytes());
        Consented { code: output.status.code(), stdout, stderr }
    }

    /// Connects a workspace by OAuth, by a person who consents at once.
    pub async fn connect_by_oauth(&self, workspace: &str, of: AppOf, options: &[&str]) -> Consented {
        let file = self.app_file(workspace, of, None);
        let args = self.oauth_args(workspace, of, &file, options);
        self.with_person(&args, async |address, _| {
            let back = visit(&address).await.expect("the way back");
            visit(&back).await;
        })
        .await
    }
}
