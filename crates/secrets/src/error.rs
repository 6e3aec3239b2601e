//! What can go wrong with secrets; never a secret in it.

use runtime::EnvError;

/// A key file or a sealed secret that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The key file cannot be read or written.
    #[error("key file {path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// Why.
        reason: std::io::Error,
    },
    /// There is no file of that name.
    #[error(
        "there is no key file {0}: put there the one that credentials were sealed with, or make the first with \
         `switchboard key new {0}`"
    )]
    Missing(String),
    /// A new key file was to be made where there is one.
    #[error("key file {0} exists already and is not overwritten: whoever loses it loses every credential")]
    Exists(String),
    /// Others can read the key file.
    #[error("key file {0} can be read by others: run `chmod 600 {0}`")]
    Readable(String),
    /// The file is no key file.
    #[error(
        "key file {path}, line {line}: expected 32 bytes in base64; make a key file with `switchboard key new FILE`"
    )]
    Malformed {
        /// The file.
        path: String,
        /// The line.
        line: usize,
    },
    /// Sealed under a key that is not in the file.
    #[error(
        "the credential is sealed under master key {0}, which the file that SWITCHBOARD_MASTER_KEY_FILE names does not hold: \
         put the rotated key file there, it is read again"
    )]
    UnknownKey(String),
    /// A credential of a kind that this program does not know.
    #[error("the credential was sealed by a newer program: run that version here as well")]
    OtherKind,
    /// Sealed, but this process has no master key at all.
    #[error("the credential is sealed under a master key: name the key file in SWITCHBOARD_MASTER_KEY_FILE")]
    NoKeyFile,
    /// There is nowhere to put a secret.
    #[error(
        "no place for secrets is configured: set SWITCHBOARD_MASTER_KEY_FILE (`switchboard key new FILE` makes the file), \
         or SWITCHBOARD_SECRETS=google:projects/PROJECT"
    )]
    NoPlace,
    /// A setting that cannot be.
    #[error(transparent)]
    Setting(#[from] EnvError),
    /// A service account's key file cannot be used.
    #[error("GOOGLE_APPLICATION_CREDENTIALS={path} cannot be used: {why}")]
    KeyFile {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
    /// Google's Secret Manager cannot be asked just now.
    #[error("Secret Manager cannot be asked right now: {0}")]
    Unavailable(String),
    /// Google does not know who asks.
    #[error(
        "Google does not take this process for anybody ({0}): check its service account, or GOOGLE_APPLICATION_CREDENTIALS"
    )]
    Unauthenticated(String),
    /// A permission is missing at Google.
    #[error("{resource}: {words}; grant it to the service account of this process, on the project")]
    Denied {
        /// The secret.
        resource: String,
        /// Which permission, and Google's words.
        words: String,
    },
    /// The secret is not there any more, or may not be read.
    #[error("{resource} cannot be read any more ({words}): enable that version again, or connect again")]
    Gone {
        /// The secret and its version.
        resource: String,
        /// Google's words.
        words: String,
    },
    /// Google will not take what was asked.
    #[error("{resource}: Secret Manager refuses the request ({words})")]
    Refused {
        /// The secret.
        resource: String,
        /// Google's words.
        words: String,
    },
    /// Another credential was stored while this one was put away.
    #[error("another credential was stored meanwhile: connect once more")]
    Overtaken,
    /// The bytes were changed, cut short, or belong to another connection.
    #[error("the sealed credential was changed or belongs elsewhere: connect again")]
    Tampered,
}

impl SecretError {
    /// May work later, with nobody doing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}
