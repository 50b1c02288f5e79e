//! What can go wrong with a file: which one, while doing what, and why.

use core::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::archive::StoreTrouble;
use super::config::ConfigError;
use super::key_text::KeyProblem;
use super::known_peers::Damage;
use crate::text::{NameError, Safe};

/// A failed operation on a file, or on what it holds. No secret is ever part of it.
#[derive(Debug)]
pub struct Error(Box<Details>);

#[derive(Debug)]
struct Details {
    path: Option<PathBuf>,
    operation: Operation,
    kind: ErrorKind,
}

/// What was being done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// Reading or parsing.
    Read,
    /// Making a file or directory that did not exist.
    Create,
    /// Replacing a file's content.
    Write,
    /// Taking a lock.
    Lock,
    /// Looking somebody or something up.
    Find,
    /// Running a program.
    Run,
}

/// Why it failed. The command line maps each to its own message, advice and exit code.
#[derive(Debug)]
pub enum ErrorKind {
    /// There is no key file (SC01).
    NoIdentity,
    /// Other users can read or change the file (SC02); `wanted` is the mode to set.
    UnsafePermissions {
        /// The permission bits as found.
        mode: u32,
        /// The permission bits that are accepted.
        wanted: u32,
    },
    /// The file or directory belongs to another user, who can change it (SC02).
    WrongOwner {
        /// The owner's number.
        owner: u32,
    },
    /// As [`ErrorKind::WrongOwner`], and the root directory, which is above every place, has such an owner too (SC02): in a
    /// user namespace that does not know the machine's root it is so, and that owner may be anybody.
    StrangeRoot {
        /// The number of the file's owner.
        owner: u32,
    },
    /// Other users can replace files in this directory (SC02); the path is the directory's.
    UnsafeDirectory {
        /// The permission bits as found.
        mode: u32,
    },
    /// The passphrase does not open the key file, or the file was altered (SC11).
    WrongPassphrase,
    /// The key file is protected and no passphrase was given (SC17).
    PassphraseNeeded,
    /// A passphrase has no characters.
    EmptyPassphrase,
    /// What came from where a passphrase should is none.
    BadPassphrase {
        /// What it is instead.
        reason: &'static str,
    },
    /// The command that should print the passphrase failed; its exit code, if it had one.
    CommandFailed {
        /// The exit code; none if a signal ended it.
        status: Option<i32>,
    },
    /// Another process uses the identity (SC15).
    InUse {
        /// The other process, where the system lets us know it.
        pid: Option<u32>,
    },
    /// No room on the disk, or the quota is used up (SC18).
    DiskFull,
    /// The file system is read-only, or a file of ours or its directory is not for us to write (SC18).
    ReadOnly(io::Error),
    /// A line of known-peers cannot be understood; nothing is rewritten until it is mended.
    DamagedLine(Damage),
    /// The list of people is there without a byte: no program of ours leaves it so (SC22).
    Emptied {
        /// The list as it was one change before, if that is there.
        former: Option<PathBuf>,
    },
    /// The list of people is gone, and the one of before it is not: a new one would lack everybody (SC22).
    Gone {
        /// The list as it was one change before.
        former: PathBuf,
    },
    /// Another process has begun to change the list of people and does not come to an end (SC24).
    Held,
    /// The settings are not understood (SC32).
    Config(ConfigError),
    /// The name is taken.
    DuplicateName {
        /// Whose it is.
        name: Safe,
    },
    /// The key is known already.
    DuplicateKey {
        /// The name it is known by.
        name: Safe,
    },
    /// The name would be mistaken for another.
    LookAlike {
        /// The name that it looks like.
        existing: Safe,
    },
    /// The text is no name.
    BadName(NameError),
    /// The key was revoked.
    Revoked {
        /// What was noted when it was.
        reason: Option<Safe>,
    },
    /// Nobody has this name (SC05).
    NotFound {
        /// The name, or the key that has none.
        wanted: Safe,
        /// The nearest name there is.
        suggestion: Option<Safe>,
    },
    /// The text is no public key (SC03).
    NotAPublicKey {
        /// Its beginning.
        sample: Safe,
        /// What is wrong with it.
        problem: KeyProblem,
    },
    /// A secret key stands where a public key belongs (SC04).
    SecretKeyGiven,
    /// The text is no `host:port`.
    NotAnAddress,
    /// The file exists and is not overwritten.
    AlreadyExists,
    /// A link stands where the file should, and leads nowhere: that is no file that was never made (SC24).
    LinkToNothing,
    /// Somebody else wrote the file at the same moment; nothing was changed.
    ChangedMeanwhile,
    /// The new content is in its place, and the disk has not confirmed that: a power cut may bring back what was there.
    NotSynced {
        /// Where the former content is kept.
        former: Option<PathBuf>,
        /// What the system said.
        error: io::Error,
    },
    /// As [`ErrorKind::NotSynced`], of a secret key that has another passphrase now, or none: nothing is kept under the
    /// former one.
    PassphraseNotSynced(io::Error),
    /// The content is not of the expected form.
    Malformed {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// All handshake timestamps are used, as the file says or the clock.
    NoTimestamps,
    /// Something is wrong with the store of messages (SC19 if it is damaged).
    Store(StoreTrouble),
    /// There is no home directory to derive default paths from.
    NoHome,
    /// The operating system said no.
    Io(io::Error),
}

impl Error {
    pub(super) fn new(path: &Path, operation: Operation, kind: ErrorKind) -> Self {
        Self(Box::new(Details {
            path: Some(path.to_owned()),
            operation,
            kind,
        }))
    }

    /// For what concerns no file, such as a key on the command line.
    pub(super) fn without_path(operation: Operation, kind: ErrorKind) -> Self {
        Self(Box::new(Details {
            path: None,
            operation,
            kind,
        }))
    }

    /// Wraps what the operating system said.
    pub(super) fn io(path: &Path, operation: Operation, error: io::Error) -> Self {
        Self::new(path, operation, error.into())
    }

    /// As [`Error::io`], about a file of our own that has to be written.
    pub(super) fn writing(path: &Path, operation: Operation, error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::PermissionDenied {
            return Self::new(path, operation, ErrorKind::ReadOnly(error));
        }
        Self::io(path, operation, error)
    }

    /// The same error, concerning this file unless another one is named already.
    #[must_use]
    pub fn at(mut self, path: &Path) -> Self {
        self.0.path.get_or_insert_with(|| path.to_owned());
        self
    }

    /// The same error, met while doing this.
    pub(super) fn during(mut self, operation: Operation) -> Self {
        self.0.operation = operation;
        self
    }

    /// Whether there is no such file.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self.kind(), ErrorKind::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }

    /// Whether nobody at all can write there.
    pub(super) fn is_read_only_file_system(&self) -> bool {
        let ErrorKind::ReadOnly(error) = self.kind() else {
            return false;
        };
        error.kind() == io::ErrorKind::ReadOnlyFilesystem
    }

    /// Whether something could not be written, so that what is there may still be read.
    #[must_use]
    pub fn is_unwritable(&self) -> bool {
        matches!(
            self.kind(),
            ErrorKind::DiskFull | ErrorKind::ReadOnly(_) | ErrorKind::Store(StoreTrouble::ReadOnly)
        )
    }

    /// The file or directory concerned, if any.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// What was being done.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.0.operation
    }

    /// Why it failed.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }
}

impl From<io::Error> for ErrorKind {
    fn from(error: io::Error) -> Self {
        let kind = error.kind();
        if matches!(
            kind,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        ) {
            Self::DiskFull
        } else if kind == io::ErrorKind::AlreadyExists {
            Self::AlreadyExists
        } else if kind == io::ErrorKind::ReadOnlyFilesystem {
            Self::ReadOnly(error)
        } else {
            Self::Io(error)
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}", self.0.operation)?;
        if let Some(path) = self.path() {
            write!(f, " {}", Safe::from(path))?;
        }
        write!(f, ": {}", self.0.kind)
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        if let ErrorKind::Io(error)
        | ErrorKind::ReadOnly(error)
        | ErrorKind::NotSynced { error, .. }
        | ErrorKind::PassphraseNotSynced(error) = &self.0.kind
        {
            Some(error)
        } else {
            None
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Write => "write",
            Self::Lock => "lock",
            Self::Find => "find",
            Self::Run => "run",
        })
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoIdentity => write!(f, "there is no identity yet"),
            Self::UnsafePermissions { mode, wanted } => {
                write!(
                    f,
                    "its mode is {mode:04o} and must be {wanted:04o} or stricter"
                )
            }
            Self::WrongOwner { owner } | Self::StrangeRoot { owner } => {
                write!(f, "it belongs to another user ({owner})")
            }
            Self::UnsafeDirectory { mode } => {
                write!(
                    f,
                    "other users can write to this directory (mode {mode:04o})"
                )
            }
            Self::WrongPassphrase => write!(f, "wrong passphrase, or the file was altered"),
            Self::PassphraseNeeded => write!(f, "it is protected by a passphrase"),
            Self::EmptyPassphrase => write!(f, "the passphrase is empty"),
            Self::BadPassphrase { reason } => f.write_str(reason),
            Self::CommandFailed { status: Some(code) } => write!(f, "it ended with code {code}"),
            Self::CommandFailed { status: None } => write!(f, "it was ended by a signal"),
            Self::InUse { pid: Some(pid) } => write!(f, "another process uses it (pid {pid})"),
            Self::InUse { pid: None } => write!(f, "another process uses it"),
            Self::DiskFull => write!(f, "there is no room left on the disk"),
            Self::DamagedLine(Damage { line, reason, .. }) => write!(f, "line {line}: {reason}"),
            Self::Emptied { .. } => write!(f, "it is empty"),
            Self::Gone { .. } => write!(f, "it is gone"),
            Self::Held => write!(f, "another process is changing it, and does not finish"),
            Self::Config(error) => write!(f, "{error}"),
            Self::DuplicateName { name } => write!(f, "the name {name} is taken"),
            Self::DuplicateKey { name } => write!(f, "this key is known as {name}"),
            Self::LookAlike { existing } => write!(f, "the name looks like {existing}"),
            Self::BadName(error) => write!(f, "{error}"),
            Self::Revoked { .. } => write!(f, "this key was revoked"),
            Self::NotFound { wanted, .. } => write!(f, "nobody has the name {wanted}"),
            Self::NotAPublicKey { sample, problem } => {
                write!(f, "\"{sample}\" is no public key: {problem}")
            }
            Self::SecretKeyGiven => write!(f, "this is a secret key; it was not used"),
            Self::NotAnAddress => write!(f, "an address has the form host:port"),
            Self::AlreadyExists => write!(f, "it exists and is not overwritten"),
            Self::LinkToNothing => write!(f, "it is a link that points to nothing"),
            Self::ChangedMeanwhile => write!(f, "it was changed at the same moment"),
            Self::NotSynced { error, .. } | Self::PassphraseNotSynced(error) => {
                write!(
                    f,
                    "it is in its place, but the disk has not confirmed that: {error}"
                )
            }
            Self::Malformed { reason } => write!(f, "{reason}"),
            Self::NoTimestamps => write!(f, "no timestamps are left"),
            Self::Store(trouble) => write!(f, "{trouble}"),
            Self::NoHome => write!(f, "there is no home directory"),
            Self::ReadOnly(error) | Self::Io(error) => write!(f, "{error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_a_used_up_quota_are_one_kind() {
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded] {
            assert!(matches!(
                ErrorKind::from(io::Error::from(kind)),
                ErrorKind::DiskFull
            ));
        }
    }

    #[test]
    fn what_is_ours_and_refused_is_read_only_and_what_is_not_ours_is_refused() {
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        let (path, lock) = (Path::new("/h/x"), Operation::Lock);
        let ours = Error::writing(path, lock, denied());
        assert!(matches!(ours.kind(), ErrorKind::ReadOnly(_)));
        let other = Error::io(path, lock, denied());
        assert!(matches!(other.kind(), ErrorKind::Io(_)));
        let read_only = io::Error::from(io::ErrorKind::ReadOnlyFilesystem);
        assert!(matches!(read_only.into(), ErrorKind::ReadOnly(_)));
    }

    #[test]
    fn the_phrase_names_operation_path_and_reason() {
        let kind = ErrorKind::UnsafePermissions {
            mode: 0o644,
            wanted: 0o600,
        };
        let error = Error::new(Path::new("/h/\u{1b}k"), Operation::Read, kind);
        assert_eq!(
            error.to_string(),
            "cannot read /h/^[k: its mode is 0644 and must be 0600 or stricter"
        );
    }
}
