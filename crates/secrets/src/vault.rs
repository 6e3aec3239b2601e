//! The one door to the secrets of credentials, wherever each is kept.

use model::{ConnectionId, TenantId};
use secrecy::SecretString;
use store::credential::{Kept, StoredCredential};

use crate::seal::{Sealed, credential_aad, open, seal};
use crate::{Keyring, SecretError};

/// Whose secret it is.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    /// The tenant.
    pub tenant: &'a TenantId,
    /// Its connection.
    pub connection_id: ConnectionId,
}

impl Owner<'_> {
    fn aad(&self, generation: i32) -> Vec<u8> {
        credential_aad(self.tenant, self.connection_id, generation)
    }
}

/// Where the secrets of credentials are kept: the row of each says where it is.
#[derive(Debug)]
pub struct Vault {
    keyring: Keyring,
}

/// A secret that was put away, and that no row names yet.
#[derive(Debug)]
pub struct Deposit(SecretString);

impl Vault {
    /// Keeps secrets sealed in their rows.
    pub fn sealed(keyring: Keyring) -> Self {
        Self { keyring }
    }

    /// Puts a secret where new ones are kept. To be called before the transaction that names it: it may take a while.
    #[expect(clippy::unused_async, reason = "other places than the row are elsewhere")]
    pub async fn put(&self, _owner: Owner<'_>, secret: &SecretString) -> Result<Deposit, SecretError> {
        Ok(Deposit(secret.clone()))
    }

    /// What the row of a generation says of a secret that was put away.
    pub fn keep(&self, owner: Owner<'_>, generation: i32, deposit: &Deposit) -> Kept {
        self.seal(owner, generation, &deposit.0)
    }

    /// Opens a credential.
    #[expect(clippy::unused_async, reason = "other places than the row are elsewhere")]
    pub async fn open(
        &self,
        owner: Owner<'_>,
        credential: &StoredCredential,
    ) -> Result<SecretString, SecretError> {
        self.unseal(owner, credential.generation, &credential.kept)
    }

    /// What the row of another generation with the same secret says, or of the same one under the current master key.
    pub fn carry_over(
        &self,
        owner: Owner<'_>,
        (from, kept): (i32, &Kept),
        to: i32,
    ) -> Result<Kept, SecretError> {
        Ok(self.seal(owner, to, &self.unseal(owner, from, kept)?))
    }

    fn seal(&self, owner: Owner<'_>, generation: i32, secret: &SecretString) -> Kept {
        let Sealed { key_id, bytes } = seal(&self.keyring, &owner.aad(generation), secret);
        Kept::Sealed { key_id, bytes }
    }

    fn unseal(&self, owner: Owner<'_>, generation: i32, kept: &Kept) -> Result<SecretString, SecretError> {
        let Kept::Sealed { key_id, bytes } = kept;
        let sealed = Sealed { key_id: key_id.clone(), bytes: bytes.clone() };
        open(&self.keyring, &owner.aad(generation), &sealed)
    }
}
