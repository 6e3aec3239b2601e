//! What is asked of Secret Manager.

use axum::http::Method;

use super::PROJECT_NUMBER;
use crate::Endpoint;

/// A method of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Create,
    Add,
    Access,
    List,
    Destroy,
    Unknown,
}

impl Call {
    pub(super) fn endpoint(self) -> Endpoint {
        match self {
            Self::Create => Endpoint::SecretCreate,
            Self::Add => Endpoint::SecretAdd,
            Self::Access => Endpoint::SecretAccess,
            Self::List => Endpoint::SecretList,
            Self::Destroy => Endpoint::SecretDestroy,
            Self::Unknown => Endpoint::GoogleUnknown,
        }
    }

    /// What the caller needs.
    pub(super) fn permission(self) -> Option<&'static str> {
        match self {
            Self::Create => Some("secretmanager.secrets.create"),
            Self::Add => Some("secretmanager.versions.add"),
            Self::Access => Some("secretmanager.versions.access"),
            Self::List => Some("secretmanager.versions.list"),
            Self::Destroy => Some("secretmanager.versions.destroy"),
            Self::Unknown => None,
        }
    }
}

/// A request, taken apart.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) call: Call,
    /// The path after the version of the API, without the verb.
    pub(super) resource: &'a str,
    pub(super) project: &'a str,
    /// The region that was asked, and the one that the name says; none at the global host, and for a global secret.
    pub(super) host: Option<&'a str>,
    pub(super) location: Option<&'a str>,
    pub(super) secret: &'a str,
    pub(super) version: &'a str,
    pub(super) body: &'a [u8],
    query: &'a str,
}

impl<'a> Request<'a> {
    pub(super) fn of(method: &Method, path: &'a str, query: &'a str, body: &'a [u8]) -> Self {
        let (host, path) = match path.strip_prefix("/in/").and_then(|rest| rest.split_once("/v1/")) {
            Some((host, path)) => (Some(host), path),
            None => (None, path.strip_prefix("/v1/").unwrap_or_default()),
        };
        let (resource, verb) = path.split_once(':').unwrap_or((path, ""));
        let mut parts: Vec<&str> = resource.split('/').collect();
        let location = match parts[..] {
            ["projects", _, "locations", location, ..] => {
                parts.drain(2..4);
                Some(location)
            }
            _ => None,
        };
        let (call, project, secret, version) = match (method, parts.as_slice(), verb) {
            (&Method::POST, ["projects", project, "secrets"], "") => (Call::Create, *project, "", ""),
            (&Method::POST, ["projects", project, "secrets", secret], "addVersion") => {
                (Call::Add, *project, *secret, "")
            }
            (&Method::GET, ["projects", project, "secrets", secret, "versions"], "") => {
                (Call::List, *project, *secret, "")
            }
            (&Method::GET, ["projects", project, "secrets", secret, "versions", version], "access") => {
                (Call::Access, *project, *secret, *version)
            }
            (&Method::POST, ["projects", project, "secrets", secret, "versions", version], "destroy") => {
                (Call::Destroy, *project, *secret, *version)
            }
            _ => (Call::Unknown, "", "", ""),
        };
        Self { call, resource, project, host, location, secret, version, body, query }
    }

    /// The name of a secret in answers, which say the project by its number.
    pub(super) fn full_name(&self, secret: &str) -> String {
        match self.location {
            Some(location) => format!("projects/{PROJECT_NUMBER}/locations/{location}/secrets/{secret}"),
            None => format!("projects/{PROJECT_NUMBER}/secrets/{secret}"),
        }
    }

    /// Under which a secret is kept: one of a region is another than the global one of that name.
    pub(super) fn key(&self, secret: &str) -> String {
        self.location.map_or_else(|| secret.to_owned(), |location| format!("{location}/{secret}"))
    }

    /// A parameter of the query; the values that occur here need no decoding but for the colon.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        let mut found = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value.replace("%3A", ":"));
        found.find(|value| !value.is_empty())
    }
}
