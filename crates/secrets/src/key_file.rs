//! The file that master keys live in.

use std::fs::{File, Metadata, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::{Keyring, SecretError};

impl Keyring {
    /// Makes a key file with one fresh key, readable only by its owner; never overwrites.
    pub fn create_file(path: &Path) -> Result<Self, SecretError> {
        let keyring = Self::generate();
        let folder = folder_of(path);
        let write = || {
            let file = written(&keyring, &folder, 0o600)?;
            // a half-written file would be in the way of the next attempt: it gets its name last
            file.persist_noclobber(path)?;
            File::open(&folder)?.sync_all()
        };
        let path = path.display().to_string();
        write().map_err(|reason| match reason.kind() {
            io::ErrorKind::AlreadyExists => SecretError::Exists(path),
            _ => SecretError::File { path, reason },
        })?;
        Ok(keyring)
    }

    /// Reads a key file that is kept from others.
    pub fn read_file(path: &Path) -> Result<Self, SecretError> {
        Ok(read(path)?.0.read_from(path))
    }

    /// Puts a fresh key in front of the file's, replacing the file at once or not at all. Its permissions stay.
    pub fn rotate_file(path: &Path) -> Result<Self, SecretError> {
        let to_error = |reason| file_error(path, reason);
        // a link stays a link: what it points to is replaced
        let target = path.canonicalize().map_err(to_error)?;
        let folder = folder_of(&target);
        let locked = File::open(&folder).map_err(to_error)?;
        // of two rotations at a time the second must see the first one's key, or what that sealed is lost
        locked.lock().map_err(to_error)?;
        let (mut keyring, metadata) = read(&target)?;
        keyring.rotate();
        let write = || {
            written(&keyring, &folder, metadata.permissions().mode())?.persist(&target)?;
            locked.sync_all()
        };
        write().map_err(to_error)?;
        Ok(keyring)
    }
}

fn read(path: &Path) -> Result<(Keyring, Metadata), SecretError> {
    let to_error = |reason| file_error(path, reason);
    let mut file = File::open(path).map_err(to_error)?;
    let metadata = file.metadata().map_err(to_error)?;
    // a group may read it: that is how a mounted secret reaches a process that is not its owner
    if metadata.permissions().mode() & 0o007 != 0 {
        return Err(SecretError::Readable(path.display().to_string()));
    }
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(to_error)?;
    let keyring = Keyring::read_text(&text)
        .map_err(|line| SecretError::Malformed { path: path.display().to_string(), line })?;
    Ok((keyring, metadata))
}

/// A complete file without its name yet.
fn written(keyring: &Keyring, folder: &Path, mode: u32) -> io::Result<NamedTempFile> {
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(keyring.text().as_bytes())?;
    file.as_file().set_permissions(Permissions::from_mode(mode & 0o777))?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

fn file_error(path: &Path, reason: io::Error) -> SecretError {
    let path = path.display().to_string();
    match reason.kind() {
        io::ErrorKind::NotFound => SecretError::Missing(path),
        _ => SecretError::File { path, reason },
    }
}

#[cfg(test)]
mod tests {
    use secrecy::{ExposeSecret as _, SecretString};

    use super::*;
    use crate::seal::{open, seal};

    fn mode_of(path: &Path) -> u32 {
        std::fs::metadata(path).expect("the file").permissions().mode() & 0o777
    }

    fn change_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("chmod");
    }

    fn key_file() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("master.key");
        Keyring::create_file(&path).expect("a key file");
        (folder, path)
    }

    #[test]
    fn a_key_file_is_private_and_never_overwritten() {
        let (folder, path) = key_file();
        let before = std::fs::read(&path).expect("the file");
        assert_eq!(mode_of(&path), 0o600);
        let error = Keyring::create_file(&path).expect_err("exists");
        assert!(matches!(error, SecretError::Exists(_)), "{error}");
        assert_eq!(std::fs::read(&path).expect("the file"), before);
        assert_eq!(
            std::fs::read_dir(folder.path()).expect("the folder").count(),
            1,
            "nothing is left behind"
        );
    }

    #[test]
    fn a_key_file_that_others_can_touch_is_refused_with_the_remedy() {
        let (_folder, path) = key_file();
        for mode in [0o644, 0o604, 0o602, 0o601] {
            change_mode(&path, mode);
            let error = Keyring::read_file(&path).expect_err("refused").to_string();
            assert!(error.contains("chmod 600"), "{error}");
            assert!(matches!(Keyring::rotate_file(&path), Err(SecretError::Readable(_))));
        }
        for mode in [0o600, 0o400, 0o440] {
            change_mode(&path, mode);
            assert!(Keyring::read_file(&path).is_ok(), "{mode:o}");
        }
    }

    #[test]
    fn what_was_sealed_before_a_rotation_opens_after_it() {
        let (folder, path) = key_file();
        change_mode(&path, 0o640);
        let link = folder.path().join("link.key");
        std::os::unix::fs::symlink(&path, &link).expect("a link");
        let old = Keyring::read_file(&path).expect("the key");
        let sealed = seal(&old, b"aad", &SecretString::from("sk"));

        Keyring::rotate_file(&link).expect("rotated");

        let rotated = Keyring::read_file(&path).expect("the keys");
        assert_eq!(open(&rotated, b"aad", &sealed).expect("opens").expose_secret(), "sk");
        let fresh = seal(&rotated, b"aad", &SecretString::from("sk"));
        assert_ne!(fresh.key_id, sealed.key_id);
        let opened = open(&old, b"aad", &fresh).expect("the file is read again");
        assert_eq!((opened.expose_secret(), old.current_id()), ("sk", fresh.key_id.clone()));
        let elsewhere = seal(&Keyring::generate(), b"aad", &SecretString::from("sk"));
        assert!(
            matches!(open(&old, b"aad", &elsewhere), Err(SecretError::UnknownKey(id)) if id == elsewhere.key_id)
        );
        assert_eq!(open(&old, b"aad", &sealed).expect("opens").expose_secret(), "sk");
        assert!(link.is_symlink());
        assert_eq!(mode_of(&path), 0o640);
        assert_eq!(
            std::fs::read_dir(folder.path()).expect("the folder").count(),
            2,
            "nothing is left behind"
        );
    }

    #[test]
    fn a_key_file_that_cannot_be_read_again_says_why() {
        let (_folder, path) = key_file();
        let keyring = Keyring::read_file(&path).expect("the key");
        let elsewhere = seal(&Keyring::generate(), b"aad", &SecretString::from("sk"));
        std::fs::remove_file(&path).expect("removed");
        let error = open(&keyring, b"aad", &elsewhere).expect_err("an unknown key");
        assert!(matches!(error, SecretError::Missing(_)), "{error}");
    }

    #[test]
    fn rotations_at_the_same_time_lose_no_key() {
        let (_folder, path) = key_file();
        let ids: Vec<String> = std::thread::scope(|scope| {
            let rotations: Vec<_> =
                (0..8).map(|_| scope.spawn(|| Keyring::rotate_file(&path).expect("rotated"))).collect();
            rotations.into_iter().map(|one| one.join().expect("no panic").current_id()).collect()
        });
        let keyring = Keyring::read_file(&path).expect("the keys");
        assert!(ids.iter().all(|id| keyring.find(id).is_ok()), "{ids:?}");
    }

    #[test]
    fn a_file_that_is_not_there_or_is_no_key_file_is_named() {
        let (folder, path) = key_file();
        let missing =
            Keyring::read_file(&folder.path().join("missing.key")).expect_err("missing").to_string();
        assert!(missing.contains("missing.key"), "{missing}");
        for content in [&b"# x\nshort\n"[..], b"\xff\xfe"] {
            std::fs::write(&path, content).expect("written");
            let error = Keyring::read_file(&path).expect_err("refused").to_string();
            assert!(error.contains("master.key") && !error.contains("short"), "{error}");
            assert!(Keyring::rotate_file(&path).is_err());
            assert_eq!(std::fs::read(&path).expect("the file"), content, "a bad file is left as it is");
        }
    }
}
