//! The few calls of the broker's management API that tests need, in plain HTTP.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{PERMISSIONS, Permissions};

/// The user of a program on a broker for tests; it is its own password.
pub(super) fn user_of(program: &str) -> String {
    format!("switchboard-test-{program}")
}

pub(super) struct Management {
    host: String,
    user: String,
    authorization: String,
}

impl std::fmt::Debug for Management {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Management").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Management {
    /// Takes `http://user:password@host:port`.
    pub(super) fn at(url: &str) -> Self {
        let plain = url.strip_prefix("http://").expect("the management API is plain HTTP");
        let (credentials, host) =
            plain.trim_end_matches('/').rsplit_once('@').expect("user:password@host:port");
        let (user, _) = credentials.split_once(':').expect("user:password");
        let authorization = format!("Basic {}", STANDARD.encode(credentials));
        Self { host: host.to_owned(), user: user.to_owned(), authorization }
    }

    pub(super) async fn create_vhost(&self, name: &str) {
        self.call("PUT", &format!("/api/vhosts/{name}"), "{}").await;
        let everything = r#"{"configure":".*","write":".*","read":".*"}"#;
        self.call("PUT", &format!("/api/permissions/{name}/{}", self.user), everything).await;
    }

    /// Makes the users of the programs, once per broker, and gives them what they may in a vhost.
    pub(super) async fn permit(&self, vhost: &str) {
        let given = PERMISSIONS.iter().map(async |one| {
            let user = user_of(one.program);
            let (status, _) = self.send("GET", &format!("/api/users/{user}"), "").await;
            if status != "200" {
                let path = format!("/api/users/{user}");
                let (status, answer) =
                    self.send("PUT", &path, &format!(r#"{{"password":"{user}","tags":""}}"#)).await;
                // tests that begin at once all miss it, and the broker refuses all but one of them
                let is_there = status.starts_with('2') || answer.contains("user_already_exists");
                assert!(is_there, "PUT {path}: {status} {answer}");
            }
            self.give(vhost, one.program, one).await;
        });
        join_all(given).await;
    }

    /// Gives a program's user these permissions in a vhost.
    pub(super) async fn give(&self, vhost: &str, program: &str, permissions: &Permissions) {
        let Permissions { configure, write, read, .. } = permissions;
        let body = format!(r#"{{"configure":"{configure}","write":"{write}","read":"{read}"}}"#);
        self.call("PUT", &format!("/api/permissions/{vhost}/{}", user_of(program)), &body).await;
    }

    /// Lets the broker give a copy of every message to its exchange for that.
    pub(super) async fn trace(&self, vhost: &str) {
        self.call("PUT", &format!("/api/vhosts/{vhost}"), r#"{"tracing":true}"#).await;
    }

    pub(super) async fn delete_vhost(&self, name: &str) {
        self.call("DELETE", &format!("/api/vhosts/{name}"), "").await;
    }

    pub(super) async fn delete_queue(&self, vhost: &str, queue: &str) {
        self.call("DELETE", &format!("/api/queues/{vhost}/{queue}"), "").await;
    }

    /// Names of the open connections.
    pub(super) async fn connections(&self, vhost: &str) -> Vec<String> {
        let body = self.call("GET", &format!("/api/vhosts/{vhost}/connections"), "").await;
        let list: Vec<serde_json::Value> = serde_json::from_str(&body).expect("a list of connections");
        list.iter().filter_map(|entry| entry["name"].as_str()).map(str::to_owned).collect()
    }

    /// Closes a connection, if it is still there.
    pub(super) async fn close_connection(&self, name: &str) {
        let path = format!("/api/connections/{}", name.replace(' ', "%20").replace('>', "%3E"));
        self.send("DELETE", &path, "").await;
    }

    async fn call(&self, method: &str, path: &str, body: &str) -> String {
        let (status, answer) = self.send(method, path, body).await;
        assert!(status.starts_with('2'), "{method} {path}: {status} {answer}");
        answer
    }

    /// HTTP 1.0, so that the answer is neither chunked nor followed by another.
    async fn send(&self, method: &str, path: &str, body: &str) -> (String, String) {
        let Self { host, authorization, .. } = self;
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.0\r\nhost: {host}\r\nauthorization: {authorization}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        let mut stream = TcpStream::connect(host).await.expect("the management API answers");
        stream.write_all(request.as_bytes()).await.expect("the request is sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("the answer is read");
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
        let status = head.split(' ').nth(1).unwrap_or_default();
        (status.to_owned(), body.to_owned())
    }
}
