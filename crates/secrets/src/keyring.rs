//! Master keys, and the text they are kept as.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use aes_gcm::aead::Generate as _;
use aes_gcm::{Aes256Gcm, Key};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

use crate::SecretError;

const KEY_BYTES: usize = 32;

/// A key in base64 and the line's end.
const LINE_BYTES: usize = KEY_BYTES.div_ceil(3) * 4 + 1;

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
pub struct Keyring {
    keys: RwLock<Vec<MasterKey>>,
    /// The file they were read from, to be looked into again.
    file: Option<PathBuf>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys().iter().map(|key| &key.id)).finish()
    }
}

impl Keyring {
    /// A keyring with one fresh key, in memory only.
    pub fn generate() -> Self {
        Self::of(vec![MasterKey::generate()])
    }

    fn of(keys: Vec<MasterKey>) -> Self {
        Self { keys: RwLock::new(keys), file: None }
    }

    pub(crate) fn read_from(self, file: &Path) -> Self {
        Self { file: Some(file.to_owned()), ..self }
    }

    fn keys(&self) -> RwLockReadGuard<'_, Vec<MasterKey>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a fresh key in front: it seals from now on.
    pub(crate) fn rotate(&mut self) {
        self.keys.get_mut().unwrap_or_else(PoisonError::into_inner).insert(0, MasterKey::generate());
    }

    /// Id of the key that seals.
    pub fn current_id(&self) -> String {
        self.current().id
    }

    pub(crate) fn current(&self) -> MasterKey {
        self.keys().first().expect("a keyring has a key from its making on").clone()
    }

    /// Finds a key. One that is not known may have come by a rotation beside this process: the file is read again.
    pub(crate) fn find(&self, id: &str) -> Result<MasterKey, SecretError> {
        let known = |keys: &[MasterKey]| keys.iter().find(|key| key.id == id).cloned();
        let mut found = known(&self.keys());
        if let (None, Some(file)) = (&found, &self.file) {
            self.take_in(Self::read_file(file)?);
            found = known(&self.keys());
        }
        found.ok_or_else(|| SecretError::UnknownKey(id.to_owned()))
    }

    /// Takes over the keys of the file as it is now; what could be opened before stays so.
    fn take_in(&self, file: Self) {
        let mut fresh = file.keys.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        for old in keys.drain(..) {
            if fresh.iter().all(|key| key.id != old.id) {
                fresh.push(old);
            }
        }
        *keys = fresh;
    }

    /// Reads the text of a key file; the number of the first bad line is the error.
    pub(crate) fn read_text(text: &str) -> Result<Self, usize> {
        let mut keys = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            keys.push(MasterKey::read_line(line).ok_or(index + 1)?);
        }
        if keys.is_empty() { Err(1) } else { Ok(Self::of(keys)) }
    }

    /// The text of a key file.
    pub(crate) fn text(&self) -> Zeroizing<String> {
        // never grows, because growing would leave a copy behind
        let keys = self.keys();
        let mut text = Zeroizing::new(String::with_capacity(HEADER.len() + keys.len() * LINE_BYTES));
        text.push_str(HEADER);
        for key in keys.iter() {
            STANDARD.encode_string(*key.bytes, &mut text);
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyring_shows_ids_and_no_keys() {
        let keyring = Keyring::generate();
        let key = STANDARD.encode(*keyring.current().bytes);
        let shown = format!("{keyring:?}");
        assert!(shown.contains(&keyring.current_id()) && !shown.contains(&key));
    }

    #[test]
    fn the_text_of_a_keyring_has_its_size_and_reads_back() {
        let mut keyring = Keyring::generate();
        keyring.rotate();
        let text = keyring.text();
        assert_eq!(text.len(), HEADER.len() + 2 * LINE_BYTES);
        let read = Keyring::read_text(&text).expect("a keyring");
        assert_eq!(format!("{read:?}"), format!("{keyring:?}"));
    }

    #[test]
    fn what_is_no_key_file_is_refused_by_line() {
        let key = STANDARD.encode([7; KEY_BYTES]);
        let long = STANDARD.encode([7; KEY_BYTES + 1]);
        for (text, line) in [
            (String::new(), 1),
            ("# only words\n".to_owned(), 1),
            ("# x\nc2hvcnQ=\n".to_owned(), 2),
            ("not base64!\n".to_owned(), 1),
            (format!("{key}\n\n{long}"), 3),
            (format!("{key}{key}"), 1),
        ] {
            assert_eq!(Keyring::read_text(&text).expect_err("refused"), line, "{text:?}");
        }
        assert!(Keyring::read_text(&format!("# made by hand\r\n\r\n {key} \r\n")).is_ok());
    }
}
