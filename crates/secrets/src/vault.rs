//! The one door to the secrets of credentials, wherever each is kept.

use std::path::Path;

use model::{ConnectionId, TenantId};
use runtime::{Clock, Env, EnvError};
use secrecy::SecretString;
use store::credential::{Kept, StoredCredential};

use crate::google::{Home, SecretManager};
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

    /// Says whether a secret at Google is this connection's, by the end of its name.
    fn is_named_by(&self, secret: &str) -> bool {
        secret.strip_suffix(&self.connection_id.to_string()).is_some_and(|rest| rest.ends_with('-'))
    }
}

/// Where the secrets of credentials are kept: the row of each says where it is, whatever is configured for the next.
#[derive(Debug)]
pub struct Vault {
    /// Where new ones go.
    place: Place,
    /// What opens those that are sealed.
    keyring: Option<Keyring>,
    /// What reads those that are at Google.
    google: Option<SecretManager>,
}

#[derive(Debug)]
enum Place {
    Row,
    Google(Home),
}

/// A secret that was put away, and that no row names yet.
#[derive(Debug)]
pub struct Deposit(Put);

#[derive(Debug)]
enum Put {
    /// Sealed when its generation is known.
    ToSeal(SecretString),
    Google {
        secret: String,
        version: i64,
    },
}

impl Vault {
    /// Keeps secrets sealed in their rows.
    pub fn sealed(keyring: Keyring) -> Self {
        Self { place: Place::Row, keyring: Some(keyring), google: None }
    }

    /// Reads the settings and the key file; Google is not asked yet.
    pub fn from_env(env: &Env, clock: Clock) -> Result<Self, SecretError> {
        let place = match env.text("SWITCHBOARD_SECRETS").as_deref() {
            None | Some("sealed") => Place::Row,
            Some(text) => {
                let home = text.strip_prefix("google:").and_then(Home::parse);
                Place::Google(home.ok_or_else(|| {
                    EnvError::invalid(
                        "SWITCHBOARD_SECRETS",
                        "one place: sealed, or google:projects/PROJECT[/locations/REGION][/secrets/PREFIX]",
                    )
                })?)
            }
        };
        let file = env.text("SWITCHBOARD_MASTER_KEY_FILE");
        let keyring = file.map(|file| Keyring::read_file(Path::new(&file))).transpose()?;
        if matches!(place, Place::Row) && keyring.is_none() {
            return Err(SecretError::NoPlace);
        }
        Ok(Self { place, keyring, google: Some(SecretManager::from_env(env, clock)?) })
    }

    /// Says whether whoever opened what is sealed under these keys could open what is sealed now: there is nothing yet, or one of them is
    /// in this key file.
    pub fn shares_a_key(&self, key_ids: &[String]) -> bool {
        let sealing = matches!(self.place, Place::Row).then_some(self.keyring.as_ref()).flatten();
        sealing.is_none_or(|keyring| key_ids.is_empty() || key_ids.iter().any(|id| keyring.find(id).is_ok()))
    }

    /// Finds out whether a new secret could be put away at all, as far as that can be told without one.
    pub async fn check(&self) -> Result<(), SecretError> {
        match &self.place {
            Place::Row => self.keyring().map(drop),
            Place::Google(_) => self.google()?.check().await,
        }
    }

    /// Puts a secret where new ones are kept. To be called before the transaction that names it: it may take a while. What a transaction that
    /// fails leaves behind goes with the next [`Self::tidy`].
    pub async fn put(&self, owner: Owner<'_>, secret: &SecretString) -> Result<Deposit, SecretError> {
        match &self.place {
            Place::Row => Ok(Deposit(Put::ToSeal(secret.clone()))),
            Place::Google(home) => {
                let (secret, version) = self.google()?.put(home, owner, secret).await?;
                Ok(Deposit(Put::Google { secret, version }))
            }
        }
    }

    /// What the row of a generation says of a secret that was put away. To be called in the transaction that names it, which has locked the
    /// connection, with what the current row says.
    pub fn keep(
        &self,
        owner: Owner<'_>,
        generation: i32,
        deposit: &Deposit,
        before: Option<&Kept>,
    ) -> Result<Kept, SecretError> {
        match (&deposit.0, before) {
            (Put::ToSeal(secret), _) => self.seal(owner, generation, secret),
            // whoever stored that one destroys what is below it
            (Put::Google { secret, version }, Some(Kept::Google { secret: other, version: newer }))
                if secret == other && newer > version =>
            {
                Err(SecretError::Overtaken)
            }
            (Put::Google { secret, version }, _) => {
                Ok(Kept::Google { secret: secret.clone(), version: *version })
            }
        }
    }

    /// Opens a credential.
    pub async fn open(
        &self,
        owner: Owner<'_>,
        credential: &StoredCredential,
    ) -> Result<SecretString, SecretError> {
        match &credential.kept {
            Kept::Sealed { key_id, bytes } => self.unseal(owner, credential.generation, key_id, bytes),
            // a row that was copied elsewhere opens as little as a sealed one
            Kept::Google { secret, .. } if !owner.is_named_by(secret) => Err(SecretError::Tampered),
            Kept::Google { secret, version } => self.google()?.read(secret, *version).await,
        }
    }

    /// Reads a credential again that the vendor refuses; says whether what this process remembered of it was right.
    pub async fn was_right(&self, kept: &Kept) -> Result<bool, SecretError> {
        match kept {
            Kept::Sealed { .. } => Ok(true),
            Kept::Google { secret, version } => self.google()?.was_right(secret, *version).await,
        }
    }

    /// What the row of another generation with the same secret says, or of the same one under the current master key.
    pub fn carry_over(
        &self,
        owner: Owner<'_>,
        (from, kept): (i32, &Kept),
        to: i32,
    ) -> Result<Kept, SecretError> {
        match kept {
            Kept::Sealed { key_id, bytes } => self.seal(owner, to, &self.unseal(owner, from, key_id, bytes)?),
            Kept::Google { .. } => Ok(kept.clone()),
        }
    }

    /// Destroys what has no use any more, after the commit: best effort, because the credential is good, and what is left goes with the next.
    pub async fn tidy(&self, before: Option<&Kept>, now: &Kept) {
        let destroyed = match (before, now) {
            (Some(Kept::Google { secret, version }), now) if !is_of(now, secret) => {
                self.destroy_google(secret, *version).await
            }
            (_, Kept::Google { secret, version }) => self.destroy_below(secret, *version).await,
            (_, Kept::Sealed { .. }) => Ok(()),
        };
        if let Err(error) = destroyed {
            tracing::warn!(%error, "could not destroy older versions of a secret; they go with the next");
        }
    }

    /// Destroys a secret for good, where that takes more than deleting its row. To be called before the row is deleted: then it can be
    /// called again.
    pub async fn destroy(&self, kept: &Kept) -> Result<(), SecretError> {
        match kept {
            Kept::Sealed { .. } => Ok(()),
            Kept::Google { secret, version } => self.destroy_google(secret, *version).await,
        }
    }

    async fn destroy_google(&self, secret: &str, version: i64) -> Result<(), SecretError> {
        self.google()?.destroy_all(secret, version).await
    }

    async fn destroy_below(&self, secret: &str, version: i64) -> Result<(), SecretError> {
        self.google()?.destroy_below(secret, version).await
    }

    fn google(&self) -> Result<&SecretManager, SecretError> {
        self.google.as_ref().ok_or(SecretError::NoPlace)
    }

    fn keyring(&self) -> Result<&Keyring, SecretError> {
        self.keyring.as_ref().ok_or(SecretError::NoKeyFile)
    }

    fn seal(&self, owner: Owner<'_>, generation: i32, secret: &SecretString) -> Result<Kept, SecretError> {
        let Sealed { key_id, bytes } = seal(self.keyring()?, &owner.aad(generation), secret);
        Ok(Kept::Sealed { key_id, bytes })
    }

    fn unseal(
        &self,
        owner: Owner<'_>,
        generation: i32,
        key_id: &str,
        bytes: &[u8],
    ) -> Result<SecretString, SecretError> {
        let sealed = Sealed { key_id: key_id.to_owned(), bytes: bytes.to_owned() };
        open(self.keyring()?, &owner.aad(generation), &sealed)
    }
}

/// Says whether something is kept in a certain secret at Google.
fn is_of(kept: &Kept, name: &str) -> bool {
    matches!(kept, Kept::Google { secret, .. } if secret == name)
}
