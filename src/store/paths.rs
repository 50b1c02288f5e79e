//! Where the files are: XDG directories, or everything flat under one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use super::audit::{check_private_dir, check_writable};
use super::error::{Error, ErrorKind, Operation};
use super::os;
use super::permissions::check_nearest_parents;
use crate::id::PeerId;

/// Our directory inside each of the user's.
const APPLICATION: &str = "securechat";

/// Every place that this program keeps files in. Nothing is created by naming it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Paths {
    config_dir: PathBuf,
    data_dir: PathBuf,
    state_dir: PathBuf,
    /// For sockets, which are of this run of the machine only.
    runtime_dir: PathBuf,
    /// Where a program has them that was started in another environment: by cron, or before its user logged in.
    other_runtime_dirs: Vec<PathBuf>,
    /// What the environment names for it and is not used: see [`is_anothers`].
    passed_over: Option<PathBuf>,
    identity: PathBuf,
    /// Whether the identity is another one than the profile's own.
    is_other: bool,
}

impl Paths {
    /// Decides where the files are: under `home` if given, else in the user's XDG directories (on
    /// Windows the roaming and local profile); `identity` replaces the secret key file alone.
    ///
    /// # Errors
    /// `NoHome` if there is neither `home` nor a home directory.
    pub fn resolve(home: Option<&Path>, identity: Option<&Path>) -> Result<Self, Error> {
        let mut paths = match home {
            Some(home) => Self::flat(&absolute(home)?),
            None => Self::of_user()?,
        };
        if let Some(identity) = identity {
            let identity = absolute(identity)?;
            paths.is_other = !is_same(&identity, &paths.identity);
            paths.identity = identity;
        }
        Ok(paths)
    }

    fn flat(home: &Path) -> Self {
        Self {
            config_dir: home.to_owned(),
            data_dir: home.to_owned(),
            state_dir: home.to_owned(),
            runtime_dir: home.join("run"),
            other_runtime_dirs: Vec::new(),
            passed_over: None,
            identity: home.join("identity.key"),
            is_other: false,
        }
    }

    fn of_user() -> Result<Self, Error> {
        let base = etcetera::choose_base_strategy()
            .map_err(|_| Error::without_path(Operation::Find, ErrorKind::NoHome))?;
        let state = base.state_dir().unwrap_or_else(|| base.cache_dir());
        let data_dir = base.data_dir().join(APPLICATION);
        let state_dir = state.join(APPLICATION);
        let named = base.runtime_dir();
        let passed_over = named.clone().filter(|it| is_anothers(it));
        let named = named.filter(|_| passed_over.is_none());
        let (runtime_dir, other_runtime_dirs) =
            runtime_dirs([named, os::runtime_dir()], &state_dir);
        Ok(Self {
            config_dir: base.config_dir().join(APPLICATION),
            state_dir,
            runtime_dir,
            other_runtime_dirs,
            passed_over,
            is_other: false,
            identity: data_dir.join("identity.key"),
            data_dir,
        })
    }

    /// The secret key file; its public half lies beside it.
    #[must_use]
    pub fn identity(&self) -> &Path {
        &self.identity
    }

    /// The list of people.
    #[must_use]
    pub fn known_peers(&self) -> PathBuf {
        self.config_dir.join("known-peers")
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.config_dir.join("config.toml")
    }

    /// The lock that keeps a second process off the identity.
    #[must_use]
    pub fn lock(&self, identity: &PeerId) -> PathBuf {
        self.state_dir.join(format!("{}.lock", file_stem(identity)))
    }

    /// The control socket of a program that runs for this identity.
    #[must_use]
    pub fn control(&self, identity: &PeerId) -> PathBuf {
        self.runtime_dir.join(self.socket(identity))
    }

    /// Where the control socket of a program is that runs for this identity: in the first place, or in one of the others if
    /// it was started in another environment.
    #[must_use]
    pub fn controls(&self, identity: &PeerId) -> Vec<PathBuf> {
        let others = self.other_runtime_dirs.iter();
        let all = [&self.runtime_dir].into_iter().chain(others);
        all.map(|it| it.join(self.socket(identity))).collect()
    }

    /// The runtime directory that the environment names and that is not used, since it is another user's, as after a `su`
    /// that keeps the environment.
    #[must_use]
    pub fn passed_over(&self) -> Option<&Path> {
        self.passed_over.as_deref()
    }

    fn socket(&self, identity: &PeerId) -> String {
        if self.is_other {
            return format!("{}.sock", file_stem(identity));
        }
        "ctl.sock".to_owned()
    }

    /// The messages of the identity: what waits, what was received, and the history.
    #[must_use]
    pub fn history(&self, identity: &PeerId) -> PathBuf {
        self.data_dir
            .join(format!("{}.history.redb", file_stem(identity)))
    }

    /// The handshake timestamps that the identity has used up.
    #[must_use]
    pub fn timestamps(&self, identity: &PeerId) -> PathBuf {
        self.state_dir
            .join(format!("{}.timestamps", file_stem(identity)))
    }
}

/// Where the sockets are, the best place that there is, and where they are in another environment. Never a directory that
/// others can write to.
fn runtime_dirs(named: [Option<PathBuf>; 2], state_dir: &Path) -> (PathBuf, Vec<PathBuf>) {
    let last = state_dir.join("run");
    let named = named.into_iter().flatten().map(|it| it.join(APPLICATION));
    let mut places = named.chain([last.clone()]);
    let own = places.next().unwrap_or(last);
    let others = places.filter(|it| *it != own).collect();
    (own, others)
}

/// Whether a runtime directory, or ours in it, is another user's, or lets this one make nothing in it.
fn is_anothers(directory: &Path) -> bool {
    let own = directory.join(APPLICATION);
    let checked = match check_private_dir(&own) {
        Ok(false) => check_nearest_parents(&own).and_then(|()| check_writable(&own)),
        looked => looked.map(drop),
    };
    checked.is_err_and(|error| {
        if let ErrorKind::Io(said) | ErrorKind::ReadOnly(said) = error.kind() {
            return said.kind() == io::ErrorKind::PermissionDenied;
        }
        matches!(error.kind(), ErrorKind::WrongOwner { .. })
    })
}

/// 64 bits of the public key: nobody has two identities that share them, and the directory does
/// not spell out who its owner is.
fn file_stem(identity: &PeerId) -> String {
    let [a, b, c, d, e, f, g, h, ..] = *identity.as_bytes();
    format!("{:016x}", u64::from_be_bytes([a, b, c, d, e, f, g, h]))
}

/// Whether both lead to one file, or would if it were there.
fn is_same(one: &Path, other: &Path) -> bool {
    let found = |path| fs::canonicalize(path).ok();
    one == other || found(one).is_some_and(|one| found(other) == Some(one))
}

fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|error| Error::io(path, Operation::Find, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_holds_everything_flat() {
        let home = std::path::absolute("some/home").unwrap();
        let paths = Paths::resolve(Some(Path::new("some/home")), None).unwrap();
        let id = PeerId::new([7; 32]);
        assert_eq!(paths.identity(), home.join("identity.key"));
        assert_eq!(paths.known_peers(), home.join("known-peers"));
        assert_eq!(paths.config(), home.join("config.toml"));
        assert_eq!(paths.lock(&id), home.join("0707070707070707.lock"));
        assert_eq!(paths.control(&id), home.join("run/ctl.sock"));
        assert_eq!(
            paths.history(&id),
            home.join("0707070707070707.history.redb")
        );
        assert_eq!(
            paths.timestamps(&id),
            home.join("0707070707070707.timestamps")
        );
    }

    #[test]
    fn an_identity_flag_moves_the_key_alone() {
        let home = Path::new("/some/home");
        let key = std::path::absolute("/keys/alice.key").unwrap();
        let paths = Paths::resolve(Some(home), Some(&key)).unwrap();
        assert_eq!(paths.identity(), key);
        let socket = paths.control(&PeerId::new([7; 32]));
        assert!(
            socket.ends_with("0707070707070707.sock"),
            "its own: {socket:?}"
        );
        assert_eq!(
            paths.known_peers(),
            Paths::resolve(Some(home), None).unwrap().known_peers()
        );
    }

    #[test]
    fn the_own_identity_is_the_own_one_however_it_is_named() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        let id = PeerId::new([7; 32]);
        let socket = |identity: &Path| {
            let paths = Paths::resolve(Some(home), Some(identity)).unwrap();
            // Windows takes `..` out of a name.
            let identity = std::path::absolute(identity).unwrap();
            assert_eq!(paths.identity(), identity);
            paths.control(&id)
        };
        let own = home.join("run/ctl.sock");
        let key = home.join("identity.key");
        assert_eq!(socket(&key), own, "also before there is one");
        fs::write(&key, "").unwrap();
        fs::create_dir(home.join("run")).unwrap();
        assert_eq!(socket(&home.join("run/../identity.key")), own);
        let copy = home.join("copy.key");
        fs::copy(&key, &copy).unwrap();
        assert_ne!(socket(&copy), own);
        #[cfg(unix)]
        {
            let link = home.join("link.key");
            os::testing::symlink(&key, &link).unwrap();
            assert_eq!(socket(&link), own);
        }
    }

    #[test]
    fn a_socket_is_sought_where_another_environment_has_it_too() {
        let state = Path::new("/home/a/.local/state/securechat");
        let [session, other] = ["/run/user/1", "/elsewhere"].map(|it| Some(PathBuf::from(it)));
        let dirs = |named| {
            let (own, others) = runtime_dirs(named, state);
            [vec![own], others].concat()
        };
        let [in_session, elsewhere] =
            ["/run/user/1", "/elsewhere"].map(|it| Path::new(it).join(APPLICATION));
        let last = state.join("run");
        let all = [&elsewhere, &in_session, &last].map(PathBuf::clone);
        assert_eq!(dirs([None, None]), all[2..]);
        assert_eq!(dirs([session.clone(), session.clone()]), all[1..]);
        assert_eq!(dirs([None, session.clone()]), all[1..]);
        assert_eq!(dirs([other, session]), all);
    }

    /// `su` without `-` keeps that of the user before, and every command that asks a program refused.
    #[cfg(unix)]
    #[test]
    fn a_runtime_directory_of_another_user_is_none() {
        let user = tempfile::tempdir().unwrap();
        let runtime = user.path().join("runtime");
        assert!(!is_anothers(&runtime), "it can be made");
        fs::create_dir_all(runtime.join(APPLICATION)).unwrap();
        os::testing::set_mode(&runtime.join(APPLICATION), 0o700);
        assert!(!is_anothers(&runtime));
        if os::current_user() != 0 {
            os::testing::set_mode(&runtime, 0);
            assert!(is_anothers(&runtime), "he may not even look into it");
            os::testing::set_mode(&runtime, 0o700);
            return;
        }
        for path in [runtime.join(APPLICATION), runtime.clone()] {
            os::testing::chown(&path, Some(12_345), None).unwrap();
            assert!(is_anothers(&runtime), "{path:?}");
            os::testing::chown(&path, Some(0), None).unwrap();
        }
        os::testing::set_mode(&runtime.join(APPLICATION), 0o755);
        assert!(!is_anothers(&runtime), "its owner can mend that");
    }

    #[test]
    fn without_a_home_the_files_are_in_our_own_directories() {
        let Ok(paths) = Paths::resolve(None, None) else {
            return;
        };
        for path in [
            paths.known_peers(),
            paths.lock(&PeerId::new([7; 32])),
            paths.identity().to_owned(),
        ] {
            assert!(path.parent().unwrap().ends_with(APPLICATION), "{path:?}");
        }
    }
}
