//! What can go wrong with secrets; never a secret in it.

/// A key file or a sealed secret that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The key file cannot be read or written.
    #[error("key file {path}: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
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
    /// The bytes were changed, cut short, or belong to another connection.
    #[error("the sealed credential was changed or belongs elsewhere: connect again")]
    Tampered,
}
