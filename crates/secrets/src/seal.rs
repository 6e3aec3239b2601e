//! Sealing and opening.

use aes_gcm::aead::{Aead as _, Generate as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use model::{ConnectionId, TenantId};
use secrecy::{ExposeSecret, SecretString};
use zeroize::{Zeroize as _, Zeroizing};

use crate::credential::MARK;
use crate::keyring::MasterKey;
use crate::{Keyring, SecretError};

/// The layout of sealed bytes: this byte, 12 of nonce, then ciphertext and tag.
const LAYOUT: u8 = 1;

/// The same of anything but a plain key, which programs from before there was anything else must not open: they would send it as one.
const LAYOUT_OF_GRANTS: u8 = 2;

const NONCE_BYTES: usize = 12;

/// A sealed secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sealed {
    /// Which master key seals it.
    pub(crate) key_id: String,
    /// Layout, nonce, ciphertext, tag.
    pub(crate) bytes: Vec<u8>,
}

/// What a credential's seal is bound to.
pub(crate) fn credential_aad(tenant: &TenantId, connection: ConnectionId, generation: i32) -> Vec<u8> {
    // a tenant's id has no slash, the others have a fixed alphabet: the text is unambiguous
    format!("credential/{tenant}/{connection}/{generation}").into_bytes()
}

/// Seals a secret under the current key. The nonce is random: with 96 bits, fit for billions of seals per key.
pub(crate) fn seal(keyring: &Keyring, aad: &[u8], secret: &SecretString) -> Sealed {
    let key = keyring.current();
    let nonce = Nonce::<<Aes256Gcm as aes_gcm::aead::AeadCore>::NonceSize>::generate();
    let payload = Payload { msg: secret.expose_secret().as_bytes(), aad };
    let sealed =
        cipher(&key).encrypt(&nonce, payload).expect("a secret is far shorter than the cipher's limit");
    let mut bytes = vec![layout_of(secret)];
    bytes.extend_from_slice(&nonce);
    bytes.extend_from_slice(&sealed);
    Sealed { key_id: key.id, bytes }
}

/// Opens a sealed secret.
pub(crate) fn open(keyring: &Keyring, aad: &[u8], sealed: &Sealed) -> Result<SecretString, SecretError> {
    let key = keyring.find(&sealed.key_id)?;
    let (layout, rest) = sealed.bytes.split_first().ok_or(SecretError::Tampered)?;
    if !matches!(*layout, LAYOUT | LAYOUT_OF_GRANTS) || rest.len() < NONCE_BYTES {
        return Err(SecretError::Tampered);
    }
    let (nonce, ciphertext) = rest.split_at(NONCE_BYTES);
    let nonce = Nonce::try_from(nonce).map_err(|_| SecretError::Tampered)?;
    let payload = Payload { msg: ciphertext, aad };
    let bytes = Zeroizing::new(cipher(&key).decrypt(&nonce, payload).map_err(|_| SecretError::Tampered)?);
    let text = std::str::from_utf8(&bytes).map_err(|_| SecretError::Tampered)?;
    let secret = SecretString::from(text);
    if layout_of(&secret) == *layout { Ok(secret) } else { Err(SecretError::Tampered) }
}

fn layout_of(secret: &SecretString) -> u8 {
    if secret.expose_secret().starts_with(MARK) { LAYOUT_OF_GRANTS } else { LAYOUT }
}

fn cipher(key: &MasterKey) -> Aes256Gcm {
    let mut copy = Key::<Aes256Gcm>::from(*key.bytes);
    let cipher = Aes256Gcm::new(&copy);
    copy.as_mut_slice().zeroize();
    cipher
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn aad(generation: i32) -> Vec<u8> {
        let tenant = TenantId::parse("acme").expect("a tenant");
        credential_aad(&tenant, ConnectionId(uuid::Uuid::from_u128(7)), generation)
    }

    #[test]
    fn a_changed_byte_anywhere_or_another_owner_does_not_open() {
        let keyring = Keyring::generate();
        let sealed = seal(&keyring, &aad(1), &SecretString::from("sk-hunter2"));
        assert!(matches!(open(&keyring, &aad(2), &sealed), Err(SecretError::Tampered)));
        for index in 0..sealed.bytes.len() {
            let mut changed = sealed.clone();
            changed.bytes[index] ^= 1 << (index % 8);
            let error = open(&keyring, &aad(1), &changed).expect_err("changed");
            assert!(
                matches!(error, SecretError::Tampered) && !error.to_string().contains("hunter2"),
                "byte {index}"
            );
        }
        for length in 0..sealed.bytes.len() {
            let cut = Sealed { bytes: sealed.bytes[..length].to_vec(), ..sealed.clone() };
            assert!(matches!(open(&keyring, &aad(1), &cut), Err(SecretError::Tampered)), "{length} bytes");
        }
    }

    #[test]
    fn a_seal_of_another_key_names_it() {
        let sealed = seal(&Keyring::generate(), &aad(1), &SecretString::from("sk-hunter2"));
        let error = open(&Keyring::generate(), &aad(1), &sealed).expect_err("not its key").to_string();
        assert!(error.contains(&sealed.key_id) && error.contains("SWITCHBOARD_MASTER_KEY_FILE"), "{error}");
    }

    #[test]
    fn what_is_no_plain_key_is_closed_to_programs_that_know_nothing_else() {
        let keyring = Keyring::generate();
        let sealed = seal(&keyring, b"", &SecretString::from("\u{1}{}"));
        assert_eq!(sealed.bytes[0], LAYOUT_OF_GRANTS);
        assert_eq!(open(&keyring, b"", &sealed).expect("opens").expose_secret(), "\u{1}{}");
        for (secret, layout) in [("\u{1}{}", LAYOUT), ("sk", LAYOUT_OF_GRANTS)] {
            let mut sealed = seal(&keyring, b"", &SecretString::from(secret));
            sealed.bytes[0] = layout;
            assert!(matches!(open(&keyring, b"", &sealed), Err(SecretError::Tampered)), "{secret:?}");
        }
    }

    #[test]
    fn sealing_twice_gives_different_bytes() {
        let keyring = Keyring::generate();
        let secret = SecretString::from("sk");
        assert_ne!(seal(&keyring, b"", &secret).bytes, seal(&keyring, b"", &secret).bytes);
    }

    proptest! {
        #[test]
        fn whatever_is_sealed_opens(secret in ".*", aad in prop::collection::vec(any::<u8>(), 0..64)) {
            let keyring = Keyring::generate();
            let sealed = seal(&keyring, &aad, &SecretString::from(secret.clone()));
            let opened = open(&keyring, &aad, &sealed).expect("opens");
            prop_assert_eq!(opened.expose_secret(), secret.as_str());
        }
    }
}
