use std::fs;

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;

use super::*;
use crate::crypto::StaticSecret;
use crate::store::is_test_only;
use crate::store::key_text::KeyOffer;
use crate::store::protection::Cost;
use crate::time::UnixTime;

const CREATED: UnixTime = UnixTime(1_795_226_940_123);

fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

fn secret(seed: u8) -> StaticSecret {
    StaticSecret::generate(&mut rng(seed))
}

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text).unwrap()
}

fn plain(seed: u8) -> KeyFile {
    KeyFile::new(&secret(seed), CREATED, "alice@laptop", None, &mut rng(99)).unwrap()
}

fn protected(seed: u8, text: &str) -> KeyFile {
    let passphrase = passphrase(text);
    let protect = Some((&passphrase, Cost::LEAST));
    KeyFile::with_cost(&secret(seed), CREATED, "", protect, &mut rng(99)).unwrap()
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("data/identity.key");
    (home, path)
}

fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path.parent().unwrap()).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn kind<T: core::fmt::Debug>(result: Result<T, Error>) -> String {
    format!("{:?}", result.unwrap_err().kind())
}

#[test]
fn the_file_says_what_it_is() {
    let key = plain(1);
    let public = key_text(&secret(1).public());
    let text = key.render().to_string();
    let lines: Vec<_> = text.lines().collect();
    let [warning, created, public_line, secret_line] = lines[..] else {
        panic!("{lines:?}")
    };
    assert_eq!(
        warning,
        "# securechat secret key - anyone who reads this file can be you"
    );
    assert_eq!(
        created,
        "# created: 2026-11-21T02:09:00Z   comment: alice@laptop"
    );
    assert_eq!(public_line, format!("# public key: {public}"));
    let encoded = secret_line
        .strip_prefix("SECURECHAT-SECRET-KEY-1:")
        .unwrap();
    assert_eq!(encoded.len(), 44);
    assert!(!format!("{key:?}").contains(encoded));
}

#[test]
fn a_file_is_read_as_it_was_written() {
    for key in [plain(1), protected(1, "x")] {
        let text = key.render();
        let read = KeyFile::parse(text.as_bytes()).unwrap();
        assert_eq!(read.render(), text);
        assert_eq!(read.public(), Some(secret(1).public()));
        assert_eq!(read.created().unwrap().as_str(), "2026-11-21T02:09:00Z");
        assert_eq!(read.comment(), key.comment());
        let opened = read.open(Some(&passphrase("x"))).unwrap();
        assert_eq!(opened.expose(), secret(1).expose());
    }
}

#[test]
fn a_protected_file_needs_its_passphrase() {
    let key = protected(1, "right");
    assert!(key.is_protected());
    assert_eq!(kind(key.open(None)), "PassphraseNeeded");
    assert_eq!(
        kind(key.open(Some(&passphrase("wrong")))),
        "WrongPassphrase"
    );
    assert!(!plain(1).is_protected());
}

#[test]
fn a_comment_cannot_add_a_line() {
    let comment = " a\nSECURECHAT-SECRET-KEY-1:x \u{1b}[2J";
    let key = KeyFile::new(&secret(1), CREATED, comment, None, &mut rng(9)).unwrap();
    let read = KeyFile::parse(key.render().as_bytes()).unwrap();
    assert_eq!(
        read.comment().unwrap().as_str(),
        "a^JSECURECHAT-SECRET-KEY-1:x ^[[2J"
    );
    assert_eq!(key.render().lines().count(), 4);
}

#[test]
fn hand_made_files_are_read() {
    let line = plain(1).render().lines().last().unwrap().to_owned();
    for text in [
        line.clone(),
        format!("\u{feff}\r\n# mine\r\n{line}  \r\n\r\n# end\r\n"),
    ] {
        let key = KeyFile::parse(text.as_bytes()).unwrap();
        assert_eq!(key.public(), None);
        assert_eq!(key.open(None).unwrap().expose(), secret(1).expose());
    }
}

#[test]
fn what_is_no_key_file_is_said() {
    let line = plain(1).render().lines().last().unwrap().to_owned();
    let public = key_text(&secret(1).public());
    for (text, reason) in [
        (String::new(), "no secret key"),
        ("# only remarks\n".to_owned(), "no secret key"),
        (format!("{line}\n{line}\n"), "more than one key"),
        (
            format!("{public} alice@laptop\n"),
            "it is a public key file",
        ),
        (line[..40].to_owned(), "its secret key is damaged"),
        ("nonsense\n".to_owned(), "its protected key is damaged"),
    ] {
        let error = KeyFile::parse(text.as_bytes()).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
    assert!(
        KeyFile::parse(b"\xff\n")
            .unwrap_err()
            .to_string()
            .contains("not text")
    );
}

#[test]
fn remarks_that_name_another_key_are_noticed() {
    let text = plain(1).render().replace(
        key_text(&secret(1).public()).as_str(),
        key_text(&secret(2).public()).as_str(),
    );
    let error = KeyFile::parse(text.as_bytes())
        .unwrap()
        .open(None)
        .unwrap_err();
    assert!(error.to_string().contains("belongs to another key"));
}

#[test]
fn a_new_identity_is_two_files() {
    let (_home, path) = place();
    assert_eq!(kind(load_identity(&path)), "NoIdentity");
    create_identity(&path, &plain(1)).unwrap();
    assert_eq!(names(&path), ["identity.key", "identity.pub"]);
    let public = fs::read_to_string(public_path(&path)).unwrap();
    assert_eq!(
        public,
        format!("{} alice@laptop\n", key_text(&secret(1).public()))
    );
    assert_eq!(
        KeyOffer::read_file(&public_path(&path)).unwrap().key,
        secret(1).public()
    );
    let opened = load_identity(&path).unwrap().open(None).unwrap();
    assert_eq!(opened.expose(), secret(1).expose());
}

#[test]
fn an_identity_is_never_overwritten() {
    let (_home, path) = place();
    create_identity(&path, &plain(1)).unwrap();
    assert_eq!(kind(create_identity(&path, &plain(2))), "AlreadyExists");
    assert_eq!(
        load_identity(&path).unwrap().public(),
        Some(secret(1).public())
    );
    // Nor is a public key that lies there alone, and no secret key is left beside it.
    fs::remove_file(&path).unwrap();
    let error = create_identity(&path, &plain(2)).unwrap_err();
    assert_eq!(error.path(), Some(public_path(&path).as_path()));
    assert_eq!(names(&path), ["identity.pub"]);
}

#[test]
fn a_forced_identity_keeps_the_old_ones() {
    let (_home, path) = place();
    assert_eq!(replace_identity(&path, &plain(1)).unwrap(), None);
    let old = replace_identity(&path, &plain(2)).unwrap().unwrap();
    assert_eq!(old, path.with_file_name("identity.key.old"));
    replace_identity(&path, &plain(3)).unwrap().unwrap();
    let expected = [
        "identity.key",
        "identity.key.old",
        "identity.key.old2",
        "identity.pub",
        "identity.pub.old",
        "identity.pub.old2",
    ];
    assert_eq!(names(&path), expected);
    assert_eq!(
        load_identity(&old).unwrap().public(),
        Some(secret(1).public())
    );
    let newest = KeyOffer::read_file(&public_path(&path)).unwrap();
    assert_eq!(newest.key, load_identity(&path).unwrap().public().unwrap());
    assert_eq!(newest.key, secret(3).public());
}

#[test]
fn a_replacement_that_fails_leaves_no_copies() {
    let (_home, path) = place();
    create_identity(&path, &plain(1)).unwrap();
    // A directory where the public key lies: it can be neither kept nor replaced.
    fs::remove_file(public_path(&path)).unwrap();
    fs::create_dir(public_path(&path)).unwrap();
    assert!(replace_identity(&path, &plain(2)).is_err());
    assert_eq!(names(&path), ["identity.key", "identity.pub"]);
    assert_eq!(
        load_identity(&path).unwrap().public(),
        Some(secret(1).public())
    );
}

#[path = "identity_tests/disk.rs"]
mod disk;

fn key_at(path: &Path) -> crate::id::PeerId {
    load_identity(path).unwrap().public().unwrap()
}

#[cfg(unix)]
#[test]
fn identities_that_are_made_at_once_replace_each_other_one_by_one() {
    let (_home, path) = place();
    create_identity(&path, &plain(1)).unwrap();
    std::thread::scope(|scope| {
        for seed in 2..10 {
            let path = &path;
            scope.spawn(move || replace_identity(path, &plain(seed)).unwrap().unwrap());
        }
    });
    let beside = |name: &String| path.with_file_name(name);
    let names = names(&path).into_iter();
    let secrets = names.filter(|name| name.starts_with("identity.key"));
    let mut found: Vec<_> = secrets.map(|name| key_at(&beside(&name))).collect();
    let mut made: Vec<_> = (1..10).map(|seed| secret(seed).public()).collect();
    found.sort();
    made.sort();
    assert_eq!(found, made, "each key is there, once");
}

#[cfg(unix)]
#[test]
fn what_a_kill_left_of_a_secret_key_goes_with_the_next_change() {
    let (_home, path) = place();
    create_identity(&path, &plain(1)).unwrap();
    let left = [".identity.key.7-0.tmp", ".identity.key.old2.7-1.tmp"];
    let leave = || {
        for name in left {
            fs::write(path.with_file_name(name), "half").unwrap();
        }
    };
    leave();
    change_passphrase(&path, None, None, &mut rng(1)).unwrap();
    assert_eq!(names(&path), ["identity.key", "identity.pub"]);
    leave();
    replace_identity(&path, &plain(2)).unwrap();
    assert!(!names(&path).iter().any(|name| name.ends_with(".tmp")));
}

#[test]
fn a_passphrase_is_changed_set_and_taken_away() {
    let (_home, path) = place();
    create_identity(&path, &plain(1)).unwrap();
    let (a, b) = (passphrase("a"), passphrase("b"));
    change_passphrase(&path, None, Some(&a), &mut rng(5)).unwrap();
    assert_eq!(
        kind(change_passphrase(&path, None, Some(&b), &mut rng(6))),
        "PassphraseNeeded"
    );
    assert_eq!(
        kind(change_passphrase(&path, Some(&b), None, &mut rng(7))),
        "WrongPassphrase"
    );
    let key = load_identity(&path).unwrap();
    assert_eq!(key.open(Some(&a)).unwrap().expose(), secret(1).expose());
    assert_eq!(key.comment().unwrap().as_str(), "alice@laptop");
    assert!(key.render().contains(":argon2id:m=65536,t=3,p=4:"));
    change_passphrase(&path, Some(&a), None, &mut rng(8)).unwrap();
    assert_eq!(load_identity(&path).unwrap().render(), plain(1).render());
    assert_eq!(names(&path), ["identity.key", "identity.pub"]);
}

/// Makes another identity in the place of the one at `path` as soon as it is asked for random bytes, which is while a
/// passphrase is set.
struct Meanwhile<'a> {
    path: &'a Path,
    rng: ChaCha20Rng,
    is_done: bool,
}

impl Meanwhile<'_> {
    fn happens(&mut self) {
        if !std::mem::replace(&mut self.is_done, true) {
            replace_identity(self.path, &plain(2)).unwrap();
        }
    }
}

impl rand_core::TryRng for Meanwhile<'_> {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.happens();
        self.rng.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.happens();
        self.rng.try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.happens();
        self.rng.try_fill_bytes(bytes)
    }
}

impl rand_core::TryCryptoRng for Meanwhile<'_> {}

/// Whoever made the new key waited for the directory for five seconds, and then no longer.
#[test]
fn a_new_passphrase_never_replaces_an_identity_that_came_meanwhile() {
    let (_home, path) = place();
    create_identity(&path, &plain(1)).unwrap();
    let mut rng = Meanwhile {
        path: &path,
        rng: rng(5),
        is_done: false,
    };
    let changed = change_passphrase(&path, None, Some(&passphrase("a")), &mut rng);
    assert_eq!(key_at(&path), secret(2).public(), "no key is lost");
    assert_eq!(kind(changed), "ChangedMeanwhile");
    let old = path.with_file_name("identity.key.old");
    assert_eq!(key_at(&old), secret(1).public());
}

#[test]
fn the_public_file_has_a_name_of_its_own() {
    for (secret, public) in [
        ("alice.key", "alice.pub"),
        ("alice", "alice.pub"),
        ("a.pub", "a.pub.pub"),
    ] {
        assert_eq!(public_path(Path::new(secret)), Path::new(public));
    }
}

#[test]
fn the_published_pairs_are_known_as_such() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys/test");
    for name in ["alice", "bob"] {
        let path = directory.join(format!("TEST-ONLY-{name}.key"));
        // Not `load_identity`: a checkout is readable by others.
        let key = KeyFile::parse(&fs::read(&path).unwrap()).unwrap();
        let public = key.open(None).unwrap().public();
        assert!(is_test_only(&public));
        assert_eq!(
            KeyOffer::read_file(&public_path(&path)).unwrap().key,
            public
        );
    }
    assert!(!is_test_only(&secret(1).public()));
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 4);
}

#[test]
fn the_example_of_known_peers_is_understood() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys/known-peers.example");
    let peers = crate::store::KnownPeers::parse(&fs::read(path).unwrap());
    peers.check_intact().unwrap();
    assert!(peers.peers().iter().all(|peer| is_test_only(&peer.key())));
    assert_eq!(peers.peers().len(), 2);
    assert_eq!(peers.revoked().count(), 1);
}

#[cfg(unix)]
mod permissions {
    use super::*;
    use crate::store::os::testing::{mode, set_mode, symlink};

    #[test]
    fn the_secret_half_is_private_and_the_public_one_is_not() {
        let (_home, path) = place();
        create_identity(&path, &plain(1)).unwrap();
        replace_identity(&path, &plain(2)).unwrap();
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(&path.with_file_name("identity.key.old")), 0o600);
        assert_eq!(mode(&public_path(&path)) & 0o600, 0o600);
        change_passphrase(&path, None, None, &mut rng(1)).unwrap();
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let (_home, path) = place();
        create_identity(&path, &plain(1)).unwrap();
        for unsafe_mode in [0o640, 0o604, 0o644, 0o610] {
            set_mode(&path, unsafe_mode);
            let expected = format!("UnsafePermissions {{ mode: {unsafe_mode}, wanted: 384 }}");
            assert_eq!(kind(load_identity(&path)), expected);
            assert_eq!(
                kind(change_passphrase(&path, None, None, &mut rng(1))),
                expected
            );
        }
        // A new identity is the way out, and the old key is kept all the same.
        replace_identity(&path, &plain(2)).unwrap();
        load_identity(&path).unwrap();
        load_identity(&path.with_file_name("identity.key.old")).unwrap();
    }

    /// It was called a public key file, and nobody learned that others can read the key.
    #[test]
    fn a_secret_key_behind_a_public_one_is_refused_where_others_can_read_it() {
        let (_home, path) = place();
        create_parent(&path).unwrap();
        let public = key_text(&secret(1).public());
        for key in [plain(1), protected(1, "x")] {
            let both = format!("{public} alice\n{}", key.render().as_str());
            fs::write(&path, both).unwrap();
            set_mode(&path, 0o644);
            assert!(kind(load_identity(&path)).starts_with("UnsafePermissions"));
            check_not_public(&path).unwrap();
        }
        fs::write(&path, format!("{public} alice\n")).unwrap();
        set_mode(&path, 0o644);
        assert!(kind(load_identity(&path)).starts_with("Malformed"));
        assert!(kind(check_not_public(&path)).starts_with("Malformed"));
    }

    #[test]
    fn no_key_is_made_where_others_could_replace_it() {
        let (_home, path) = place();
        create_parent(&path).unwrap();
        set_mode(path.parent().unwrap(), 0o777);
        assert!(kind(create_identity(&path, &plain(1))).contains("UnsafeDirectory"));
        assert!(names(&path).is_empty());
    }

    #[test]
    fn a_link_to_a_key_stays_a_link() {
        let (home, path) = place();
        create_identity(&path, &plain(1)).unwrap();
        let link = home.path().join("link.key");
        symlink(&path, &link).unwrap();
        change_passphrase(&link, None, None, &mut rng(1)).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        load_identity(&link).unwrap().open(None).unwrap();
    }

    #[test]
    fn a_new_identity_and_the_one_before_lie_where_a_link_leads() {
        let (home, path) = place();
        create_identity(&path, &plain(1)).unwrap();
        let [link, bare] = ["link.key", "bare.key"].map(|name| home.path().join(name));
        for (link, to) in [(&link, &path), (&public_path(&link), &public_path(&path))] {
            symlink(to, link).unwrap();
        }
        let old = replace_identity(&link, &plain(2)).unwrap().unwrap();
        let real = fs::canonicalize(path.parent().unwrap()).unwrap();
        assert_eq!(old, real.join("identity.key.old"));
        assert_eq!(key_at(&old), secret(1).public());
        for link in [&link, &public_path(&link)] {
            assert!(fs::symlink_metadata(link).unwrap().is_symlink());
        }
        assert_eq!(key_at(&path), secret(2).public());
        let public = KeyOffer::read_file(&public_path(&path)).unwrap();
        assert_eq!(public.key, secret(2).public());
        // The public half may be no link.
        symlink(&path, &bare).unwrap();
        replace_identity(&bare, &plain(3)).unwrap();
        assert_eq!(key_at(&path), secret(3).public());
        assert_eq!(
            names(&link),
            ["bare.key", "bare.pub", "data", "link.key", "link.pub"]
        );
    }

    #[test]
    fn no_identity_takes_the_place_of_a_link_to_nothing() {
        let (home, path) = place();
        create_parent(&path).unwrap();
        let place = home.path().join("link.key");
        for name in ["link.key", "link.pub"] {
            let link = home.path().join(name);
            symlink(&path, &link).unwrap();
            assert_eq!(kind(create_identity(&place, &plain(1))), "AlreadyExists");
            let error = replace_identity(&place, &plain(1)).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::LinkToNothing));
            assert_eq!(error.path(), Some(link.as_path()));
            fs::remove_file(&link).unwrap();
            assert_eq!(names(&place), ["data"]);
        }
    }
}
