//! Master keys and the file they live in.

use std::fmt;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use aes_gcm::aead::Generate as _;
use aes_gcm::{Aes256Gcm, Key};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

use crate::SecretError;

const KEY_BYTES: usize = 32;

const HEADER: &str = "# switchboard master keys, the current one first; keep a copy in a safe place\n";

/// A master key with its id, which tells nothing of the key.
#[derive(Clone)]
pub(crate) struct MasterKey {
    pub(crate) id: String,
    pub(crate) bytes: Zeroizing<[u8; KEY_BYTES]>,
}

impl MasterKey {
    fn generate() -> Self {
        let mut key: Key<Aes256Gcm> = Key::<Aes256Gcm>::generate();
        let bytes = Zeroizing::new(key.into());
        key.as_mut_slice().zeroize();
        Self::of(bytes)
    }

    fn of(bytes: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        let id = hexadecimal(&Sha256::digest(*bytes)[..8]);
        Self { id, bytes }
    }

    fn read_line(line: &str) -> Option<Self> {
        let decoded = Zeroizing::new(STANDARD.decode(line.trim()).ok()?);
        Some(Self::of(Zeroizing::new(decoded.as_slice().try_into().ok()?)))
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The master keys of a process: the current one seals, all of them open.
#[derive(Clone)]
pub struct Keyring {
    keys: Vec<MasterKey>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.id)).finish()
    }
}

impl Keyring {
    /// A keyring with one fresh key, in memory only.
    pub fn generate() -> Self {
        Self { keys: vec![MasterKey::generate()] }
    }

    /// Makes a key file with one fresh key; never overwrites.
    pub fn create_file(path: &Path) -> Result<Self, SecretError> {
        let keyring = Self::generate();
        let mut file =
            std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(
                |source| match source.kind() {
                    std::io::ErrorKind::AlreadyExists => SecretError::Exists(path.display().to_string()),
                    _ => file_error(path, source),
                },
            )?;
        let written = file.write_all(keyring.text().as_bytes()).and_then(|()| file.sync_all());
        written.map_err(|source| file_error(path, source))?;
        Ok(keyring)
    }

    /// Reads a key file that only its owner can read.
    pub fn read_file(path: &Path) -> Result<Self, SecretError> {
        let metadata = std::fs::metadata(path).map_err(|source| file_error(path, source))?;
        // a group may read it: that is how a mounted secret reaches a process that is not its owner
        if metadata.permissions().mode() & 0o007 != 0 {
            return Err(SecretError::Readable(path.display().to_string()));
        }
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(|source| file_error(path, source))?);
        let mut keys = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let malformed = || SecretError::Malformed { path: path.display().to_string(), line: index + 1 };
            keys.push(MasterKey::read_line(line).ok_or_else(malformed)?);
        }
        if keys.is_empty() {
            return Err(SecretError::Malformed { path: path.display().to_string(), line: 1 });
        }
        Ok(Self { keys })
    }

    /// Puts a fresh key in front of the file's, replacing the file at once or not at all.
    pub fn rotate_file(path: &Path) -> Result<Self, SecretError> {
        let mut keyring = Self::read_file(path)?;
        keyring.keys.insert(0, MasterKey::generate());
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(keyring.text().as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(path).map_err(|error| error.error)?;
            std::fs::File::open(folder)?.sync_all()
        };
        write().map_err(|source| file_error(path, source))?;
        Ok(keyring)
    }

    /// Id of the key that seals.
    pub fn current_id(&self) -> &str {
        &self.current().id
    }

    pub(crate) fn current(&self) -> &MasterKey {
        self.keys.first().expect("a keyring has a key from its making on")
    }

    pub(crate) fn find(&self, id: &str) -> Option<&MasterKey> {
        self.keys.iter().find(|key| key.id == id)
    }

    fn text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(HEADER.to_owned());
        for key in &self.keys {
            let line = Zeroizing::new(STANDARD.encode(*key.bytes));
            text.push_str(&line);
            text.push('\n');
        }
        text
    }
}

fn file_error(path: &Path, source: std::io::Error) -> SecretError {
    SecretError::File { path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_private_never_overwritten_and_reads_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("master.key");
        let made = Keyring::create_file(&path).expect("a key file");
        let mode = std::fs::metadata(&path).expect("the file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(matches!(Keyring::create_file(&path), Err(SecretError::Exists(_))));
        assert_eq!(Keyring::read_file(&path).expect("the key").current_id(), made.current_id());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("chmod");
        assert!(matches!(Keyring::read_file(&path), Err(SecretError::Readable(_))));
    }

    #[test]
    fn rotation_puts_a_fresh_key_in_front_and_keeps_the_old() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("master.key");
        let first = Keyring::create_file(&path).expect("a key file").current_id().to_owned();
        let rotated = Keyring::rotate_file(&path).expect("rotated");
        assert_ne!(rotated.current_id(), first);
        assert!(Keyring::read_file(&path).expect("the keys").find(&first).is_some());
    }

    #[test]
    fn what_is_no_key_file_is_refused_by_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("master.key");
        for (text, line) in [("", 1), ("# only words\n", 1), ("# x\nc2hvcnQ=\n", 2), ("not base64!\n", 1)] {
            std::fs::write(&path, text).expect("written");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("chmod");
            let error = Keyring::read_file(&path).expect_err("refused").to_string();
            assert!(error.contains(&format!("line {line}")), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_keyring_shows_ids_and_no_keys() {
        let keyring = Keyring::generate();
        let key = STANDARD.encode(*keyring.current().bytes);
        let shown = format!("{keyring:?}");
        assert!(shown.contains(keyring.current_id()) && !shown.contains(&key));
    }
}
