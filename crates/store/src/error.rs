//! Errors of the database, classified once.

use std::fmt::Write as _;

use tokio_postgres::error::SqlState;

/// What whoever gave a program the wrong login needs to know.
const RIGHTS_ADVICE: &str = "each program has a login of its own, and `switchboard migrate` that of who owns the tables \
    (DATABASE_MIGRATE_URL); see deploy/security.md";

/// What went wrong at the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The setting `DATABASE_URL` cannot be used.
    #[error("DATABASE_URL cannot be used: {0}")]
    Url(String),
    /// The server is not there, is starting, or went away; whether a commit took place is then unknown.
    #[error("the database is not reachable: {0}")]
    Unavailable(String),
    /// Two transactions stood in each other's way; the next attempt will do.
    #[error("the transaction has to be repeated: {0}")]
    Conflict(String),
    /// The data itself is refused.
    #[error("the database refuses the data: {message} (SQLSTATE {sqlstate})")]
    Data {
        /// The five characters of the class.
        sqlstate: String,
        /// Message and constraint, without the values.
        message: String,
    },
    /// The schema is older than this program.
    #[error(
        "the database is at schema version {found}, this program needs {needed}: run `switchboard migrate`"
    )]
    SchemaOlder {
        /// Version found, 0 when there is none.
        found: i32,
        /// Version this program carries.
        needed: i32,
    },
    /// The schema is newer than this program.
    #[error(
        "the database is at schema version {found}, newer than the {known} this program knows: update the program"
    )]
    SchemaNewer {
        /// Version found.
        found: i32,
        /// Version this program carries.
        known: i32,
    },
    /// The role walks past row-level security.
    #[error(
        "the database role {0:?} is a superuser or has BYPASSRLS, so nothing would keep tenants apart: \
         make a role with `CREATE ROLE switchboard LOGIN PASSWORD '...'`, let it own the database and what is in it, \
         and name it in DATABASE_URL"
    )]
    Privileged(String),
    /// The login may not do what the program does.
    #[error(
        "the database login {login:?} may not do what this program does ({missing}): run `switchboard migrate`, which grants that to \
         the roles of deploy/postgres/roles.sql, and make the login a member: `GRANT {roles} TO {login}`"
    )]
    Unentitled {
        /// The login that `DATABASE_URL` names.
        login: String,
        /// What it should be a member of.
        roles: String,
        /// What it lacks.
        missing: String,
    },
    /// A row that this program cannot read.
    #[error("a stored row cannot be read: {0}")]
    Row(String),
    /// Anything else: a bug, or a right that is missing.
    #[error("the database answers: {0}")]
    Other(String),
}

impl StoreError {
    /// Says whether the same call may work later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Conflict(_) | Self::SchemaOlder { .. })
    }

    /// Says whether the data is at fault, so that a batch is worth splitting.
    pub fn is_data_fault(&self) -> bool {
        matches!(self, Self::Data { .. })
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            return from_client_side(&error);
        };
        let mut message = db.message().to_owned();
        if let Some(constraint) = db.constraint() {
            let _ = write!(message, " [{constraint}]");
        }
        let code = db.code();
        if *code == SqlState::UNDEFINED_TABLE || *code == SqlState::INVALID_SCHEMA_NAME {
            return Self::Other(format!("{message}: is the database migrated? run `switchboard migrate`"));
        }
        if *code == SqlState::INSUFFICIENT_PRIVILEGE {
            return Self::Other(format!("{message}: {RIGHTS_ADVICE}"));
        }
        if message.contains("no encryption") {
            return Self::Unavailable(format!(
                "{message}: ask for TLS with sslmode=verify-full in DATABASE_URL"
            ));
        }
        match &code.code()[..2] {
            // connection, resources, operator intervention, system error
            "08" | "53" | "57" | "58" => Self::Unavailable(message),
            // serialization failure, deadlock; lock not available
            "40" | "55" => Self::Conflict(message),
            // data exception, integrity; program limit (a value too large for an index)
            "22" | "23" | "54" => Self::Data { sqlstate: code.code().to_owned(), message },
            _ => Self::Other(format!("{message} (SQLSTATE {})", code.code())),
        }
    }
}

/// Errors without a SQLSTATE: the connection is gone, or the client refused a value before sending it.
fn from_client_side(error: &tokio_postgres::Error) -> StoreError {
    let text = with_sources(error);
    if text.starts_with("error serializing parameter") {
        return StoreError::Data { sqlstate: "22000".to_owned(), message: text };
    }
    if text.starts_with("error deserializing column") {
        return StoreError::Row(text);
    }
    StoreError::Unavailable(match tls_advice(error, &text) {
        Some(advice) => format!("{text}: {advice}"),
        None => text,
    })
}

fn tls_advice(error: &tokio_postgres::Error, text: &str) -> Option<String> {
    if text.ends_with("server does not support TLS") {
        return Some("switch it on there, or say sslmode=disable in DATABASE_URL".to_owned());
    }
    runtime::tls::advice(error, "sslrootcert in DATABASE_URL")
}

fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let _ = write!(text, ": {inner}");
        source = inner.source();
    }
    text
}

impl From<deadpool_postgres::PoolError> for StoreError {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        match error {
            deadpool_postgres::PoolError::Backend(inner) => {
                let classified = Self::from(inner);
                match classified {
                    // a wrong password or database name: repeated, it stays wrong, but the server may be starting
                    Self::Other(text) => Self::Unavailable(text),
                    other => other,
                }
            }
            other => Self::Unavailable(other.to_string()),
        }
    }
}

impl From<model::UnknownName> for StoreError {
    fn from(error: model::UnknownName) -> Self {
        Self::Row(error.to_string())
    }
}

impl From<model::InvalidId> for StoreError {
    fn from(error: model::InvalidId) -> Self {
        Self::Row(error.to_string())
    }
}
