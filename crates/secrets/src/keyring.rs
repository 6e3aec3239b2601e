//! Master keys, and the text they are kept as.

use std::fmt;

use aes_gcm::aead::Generate as _;
use aes_gcm::{Aes256Gcm, Key};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

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

    /// Puts a fresh key in front: it seals from now on.
    pub(crate) fn rotate(&mut self) {
        self.keys.insert(0, MasterKey::generate());
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

    /// Reads the text of a key file; the number of the first bad line is the error.
    pub(crate) fn read_text(text: &str) -> Result<Self, usize> {
        let mut keys = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            keys.push(MasterKey::read_line(line).ok_or(index + 1)?);
        }
        if keys.is_empty() { Err(1) } else { Ok(Self { keys }) }
    }

    /// The text of a key file.
    pub(crate) fn text(&self) -> Zeroizing<String> {
        // never grows, because growing would leave a copy behind
        let mut text = Zeroizing::new(String::with_capacity(HEADER.len() + self.keys.len() * LINE_BYTES));
        text.push_str(HEADER);
        for key in &self.keys {
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
        assert!(shown.contains(keyring.current_id()) && !shown.contains(&key));
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
