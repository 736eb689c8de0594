//! Files that replace their target only when they are complete.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

/// A new file that replaces its target at [`Replacement::commit`]. If it is dropped earlier, it is deleted.
///
/// It is written into the folder of its target, so that the rename stays within one file system. For a symbolic link, the
/// file that it points to is replaced. A target that exists and is not a regular file (a device, a named pipe) is written directly.
#[derive(Debug)]
pub(crate) enum Replacement {
    /// A sibling of the target, and the target.
    Sibling(NamedTempFile, PathBuf),
    /// A device or a pipe.
    Direct(File),
}

impl Replacement {
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        match path.metadata() {
            Ok(target) if target.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(target) if !target.is_file() => {
                return OpenOptions::new().write(true).open(path).map(Self::Direct);
            }
            // A file without write permission is not replaced.
            Ok(_) => drop(OpenOptions::new().append(true).open(path)?),
            Err(_) => {}
        }
        let target = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut builder = Builder::new();
        builder.prefix(".qosguard-").suffix(".part");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666)); // minus the umask, as for any new file
        let sibling = builder.tempfile_in(folder.unwrap_or(Path::new(".")))?;
        Ok(Self::Sibling(sibling, target))
    }

    /// Flushes the file to disk and renames it to its target.
    pub(crate) fn commit(self) -> io::Result<()> {
        match self {
            Self::Sibling(sibling, target) => {
                sibling.as_file().sync_all()?;
                sibling.persist(target)?;
                Ok(())
            }
            Self::Direct(mut file) => file.flush(),
        }
    }
}

impl Write for Replacement {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Sibling(sibling, _) => sibling.write(bytes),
            Self::Direct(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Sibling(sibling, _) => sibling.flush(),
            Self::Direct(file) => file.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_keeps_its_content_until_the_new_one_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        std::fs::write(&path, "old").unwrap();
        let mut dropped = Replacement::create(&path).unwrap();
        dropped.write_all(b"half").unwrap();
        drop(dropped);
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        let mut complete = Replacement::create(&path).unwrap();
        complete.write_all(b"new").unwrap();
        complete.commit().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
        assert!(Replacement::create(folder.path()).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_symbolic_link_is_kept_and_its_target_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        std::fs::write(&target, "old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let mut file = Replacement::create(&link).unwrap();
        file.write_all(b"new").unwrap();
        file.commit().unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(std::fs::read(&target).unwrap(), b"new");
        assert!(Replacement::create(Path::new("/dev/null")).unwrap().commit().is_ok());
    }
}
