mod any;
mod disk;
mod many;
mod revoked;

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::store::atomic::Disk;
use crate::store::key_text::KeyOffer;
use crate::text::NameError;
use crate::time::UnixTime;

pub(super) const BOB: &str = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
pub(super) const CAROL: &str = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=";
pub(super) const DAVE: &str = "gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA=";

/// A file with everything in it that must survive.
const SAMPLE: &str = "\
# securechat known peers v1 - one per line:  NAME KEY [option=value ...]

bob      xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg= addr=203.0.113.9:7419 seen=2026-11-21 verified=2026-11-22
\tcarol\tTrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=  colour=\"light \\\"blue\\\"\" addr=a.example:1   x-y_2=3 # work\r
  # a remark of her own
@revoked gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA= reason=\"laptop stolen\" by=me
";

pub(super) fn key(text: &str) -> PeerId {
    KeyOffer::parse(text).unwrap().key
}

pub(super) fn sample() -> KnownPeers {
    let peers = KnownPeers::parse(SAMPLE.as_bytes());
    peers.check_intact().unwrap();
    peers
}

pub(super) fn rendered(peers: &KnownPeers) -> String {
    String::from_utf8(peers.render().to_vec()).unwrap()
}

fn address(text: &str) -> HostPort {
    text.parse().unwrap()
}

fn damage(content: &str) -> Vec<(usize, DamageReason)> {
    let peers = KnownPeers::parse(content.as_bytes());
    peers
        .damage()
        .iter()
        .map(|damage| (damage.line, damage.reason))
        .collect()
}

fn kind_of<T: fmt::Debug>(result: Result<T, Error>) -> String {
    format!("{:?}", result.unwrap_err().kind())
}

#[test]
fn who_is_found_stands_where_the_index_says_after_every_change() {
    let mut peers = sample();
    peers.add("erin", &PeerId::new([5; 32]), &[]).unwrap();
    peers.rename("bob", "robert").unwrap();
    peers.remove("carol").unwrap();
    peers.add("frank", &PeerId::new([6; 32]), &[]).unwrap();
    let day = Day::from(UnixTime(0));
    peers.set_verified("erin", Some(day)).unwrap();
    assert_eq!(peers.peers().len(), 3);
    for peer in peers.peers() {
        let found = [
            peers.find(peer.name().as_str()).ok(),
            peers.find_key(&peer.key()),
            peers.find_look_alike(peer.name()),
        ];
        let lines = found.map(|found| found.map(|found| found.line));
        assert_eq!(lines, [Some(peer.line); 3]);
    }
    assert!(peers.find("carol").is_err() && peers.find_key(&key(CAROL)).is_none());
    let alike = |name: &str| peers.find_look_alike(&safe_name(name).unwrap());
    assert_eq!(alike("r0bert").map(Peer::key), Some(key(BOB)));
    assert!(alike("bob").is_none());
}

#[test]
fn a_file_is_understood() {
    let peers = sample();
    let names: Vec<_> = peers
        .peers()
        .iter()
        .map(|peer| peer.name().as_str())
        .collect();
    assert_eq!(names, ["bob", "carol"]);
    let bob = peers.find("bob").unwrap();
    assert_eq!(bob.key(), key(BOB));
    assert_eq!(bob.addresses(), [address("203.0.113.9:7419")]);
    assert_eq!(bob.seen().unwrap().to_string(), "2026-11-21");
    assert_eq!(bob.verified().unwrap().to_string(), "2026-11-22");
    assert!(!bob.is_revoked() && !bob.has_psk());
    assert_eq!(
        peers.find_key(&key(CAROL)).unwrap().name().as_str(),
        "carol"
    );
    let revoked: Vec<_> = peers.revoked().collect();
    assert_eq!(revoked, [(&key(DAVE), Some(&Safe::from("laptop stolen")))]);
}

#[test]
fn a_change_touches_its_own_word_only() {
    let mut peers = sample();
    peers.rename("carol", "karola").unwrap();
    assert_eq!(rendered(&peers), SAMPLE.replace("\tcarol\t", "\tkarola\t"));

    let mut peers = sample();
    let day = Day::from(UnixTime(0));
    peers.set_verified("carol", Some(day)).unwrap();
    let carol = SAMPLE.replace("x-y_2=3", "x-y_2=3 verified=1970-01-01");
    assert_eq!(rendered(&peers), carol);
    peers.set_verified("bob", Some(day)).unwrap();
    let both = carol.replace("verified=2026-11-22", "verified=1970-01-01");
    assert_eq!(rendered(&peers), both);
    peers.set_verified("bob", None).unwrap();
    let expected = carol.replace(" verified=2026-11-22", "");
    assert_eq!(rendered(&peers), expected);
}

#[test]
fn addresses_take_the_places_of_the_old_ones() {
    let mut peers = sample();
    peers
        .set_addresses("carol", &[address("b.example:2"), address("[::1]:3")])
        .unwrap();
    let expected = SAMPLE
        .replace("addr=a.example:1", "addr=b.example:2")
        .replace("x-y_2=3", "x-y_2=3 addr=[::1]:3");
    assert_eq!(rendered(&peers), expected);
    peers.set_addresses("carol", &[]).unwrap();
    assert_eq!(rendered(&peers), SAMPLE.replace(" addr=a.example:1", ""));
}

#[test]
fn an_address_is_added_behind_the_others_and_once() {
    let bob = PeerId::new([2; 32]);
    let text = format!(
        "# mine\nbob {} addr=a.example:1 x=y # met\n",
        key_text(&bob)
    );
    let mut peers = KnownPeers::parse(text.as_bytes());
    assert!(!peers.add_address(&bob, &address("a.example:1")).unwrap());
    assert_eq!(peers.render().as_slice(), text.as_bytes());
    for added in [true, false] {
        let done = peers.add_address(&bob, &address("[::1]:3"));
        assert_eq!(done.unwrap(), added);
    }
    let addresses = [address("a.example:1"), address("[::1]:3")];
    assert_eq!(peers.find("bob").unwrap().addresses(), addresses);
    let rendered = peers.render();
    let text = str::from_utf8(&rendered).unwrap();
    assert!(text.starts_with("# mine\nbob "), "{text}");
    assert!(text.contains(" x=y") && text.ends_with("# met\n"), "{text}");
    let key = PeerId::new([3; 32]);
    let nobody = peers.add_address(&key, &address("[::1]:3")).unwrap_err();
    let ErrorKind::NotFound { wanted, .. } = nobody.kind() else {
        panic!("{nobody:?}");
    };
    assert_eq!(*wanted, key_text(&key));
}

#[test]
fn a_new_peer_stands_at_the_end() {
    let mut peers = KnownPeers::default();
    peers
        .add(
            "bob",
            &key(BOB),
            &[address("[::1]:7419"), address("b.example:1")],
        )
        .unwrap();
    peers.add("carol", &key(CAROL), &[]).unwrap();
    let expected = format!("{HEADER}\nbob {BOB} addr=[::1]:7419 addr=b.example:1\ncarol {CAROL}\n");
    assert_eq!(rendered(&peers), expected);
}

#[test]
fn the_line_end_of_the_file_is_kept() {
    let mut peers = KnownPeers::parse(format!("# mine\r\nbob {BOB}").as_bytes());
    peers.add("carol", &key(CAROL), &[]).unwrap();
    assert_eq!(
        rendered(&peers),
        format!("# mine\r\nbob {BOB}\r\ncarol {CAROL}\r\n")
    );
}

#[test]
fn a_byte_order_mark_is_kept_and_does_no_harm() {
    let mut peers = KnownPeers::parse(format!("\u{feff}bob {BOB}\n").as_bytes());
    peers.rename("bob", "rob").unwrap();
    assert_eq!(rendered(&peers), format!("\u{feff}rob {BOB}\n"));
    assert_eq!(damage(&format!("\n\u{feff}bob {BOB}\n")).len(), 1);
}

#[test]
fn one_key_has_one_name_and_one_name_one_key() {
    let mut peers = sample();
    assert!(kind_of(peers.add("robert", &key(BOB), &[])).contains("DuplicateKey { name: \"bob\""));
    let fresh = PeerId::new([9; 32]);
    assert!(kind_of(peers.add("bob", &fresh, &[])).contains("DuplicateName"));
    assert!(kind_of(peers.rename("bob", "carol")).contains("DuplicateName"));
    assert!(kind_of(peers.add("Bob", &fresh, &[])).contains("BadName"));
    assert_eq!(rendered(&peers), SAMPLE);
}

#[test]
fn a_name_that_looks_like_another_is_refused() {
    let mut peers = sample();
    let fresh = PeerId::new([9; 32]);
    for name in ["b0b", "сагоl", "bоb"] {
        assert!(peers.add(name, &fresh, &[]).is_err(), "{name}");
    }
    assert!(kind_of(peers.add("b0b", &fresh, &[])).contains("LookAlike { existing: \"bob\""));
    assert!(kind_of(peers.rename("carol", "b0b")).contains("LookAlike"));
    peers.rename("carol", "aline").unwrap();
    for name in ["ali\u{307}ne", "aline\u{307}"] {
        let is_alike = peers.find_look_alike(&safe_name(name).unwrap()).is_some();
        assert_eq!(is_alike, name == "ali\u{307}ne", "{name}");
    }
    assert!(kind_of(peers.add("ali\u{307}ne", &fresh, &[])).contains("LookAlike"));
    // Its own former name does not count.
    peers.rename("bob", "b0b").unwrap();
}

#[test]
fn removing_takes_one_line() {
    let mut peers = sample();
    peers.remove("carol").unwrap();
    let expected: String = SAMPLE
        .split_inclusive('\n')
        .filter(|line| !line.contains("carol"))
        .collect();
    assert_eq!(rendered(&peers), expected);
}

#[test]
fn a_slip_of_the_finger_gets_a_suggestion() {
    let peers = sample();
    assert!(kind_of(peers.find("bbo")).contains("suggestion: Some(\"bob\")"));
    assert!(kind_of(peers.find("zzz")).contains("suggestion: None"));
}

#[test]
fn every_kind_of_damage_is_named_with_its_line() {
    use DamageReason as Is;
    let secret = "SECURECHAT-SECRET-KEY-1:AAAA";
    for (line, reason) in [
        ("bob".to_owned(), Is::NoKey),
        ("@revoked".to_owned(), Is::NoKey),
        (format!("Bob {BOB}"), Is::BadName(NameError::UpperCase)),
        (format!(".b {BOB}"), Is::BadName(NameError::BadStart)),
        ("bob xTIBA5rb".to_owned(), Is::BadKey),
        ("@revoked xTIBA5rb".to_owned(), Is::BadKey),
        (format!("bob {}=", "A".repeat(43)), Is::NobodysKey),
        (format!("@revoked {}=", "A".repeat(43)), Is::NobodysKey),
        (format!("bob {secret}"), Is::SecretKey),
        (secret.to_owned(), Is::SecretKey),
        (format!("@hub {BOB}"), Is::UnknownMark),
        (format!("bob {BOB} bob@laptop"), Is::BadOption),
        (format!("bob {BOB} =x"), Is::BadOption),
        (format!("bob {BOB} Addr=x"), Is::BadOption),
        (format!("bob {BOB} note=\"open"), Is::BadQuote),
        (format!("bob {BOB} note=\"a\"b"), Is::BadQuote),
        (format!("bob {BOB} note=a\"b\""), Is::BadQuote),
        (format!("bob {BOB} addr=nowhere"), Is::BadAddress),
        (format!("bob {BOB} seen=yesterday"), Is::BadDay),
        (format!("bob {BOB} verified="), Is::BadDay),
        (format!("bob {BOB} psk=short"), Is::BadPsk),
        (format!("bob {BOB} psk={}=", "A".repeat(43)), Is::NoPsk),
        (format!("bob {BOB} sign=short"), Is::BadSigningKey),
        (format!("bob {BOB} version=new"), Is::BadVersion),
        (format!("bob {BOB} version=65536"), Is::BadVersion),
        (format!("bob {BOB} version=1 version=1"), Is::Repeated),
        (
            format!("bob {BOB} seen=2026-11-21 seen=2026-11-22"),
            Is::Repeated,
        ),
        (format!("carol {BOB}"), Is::SameName { line: 1 }),
        (format!("bob {CAROL}"), Is::SameKey { line: 1 }),
        (format!("car0l {BOB}"), Is::LookAlike { line: 1 }),
    ] {
        let content = format!("carol {CAROL}\n# remark\n{line}\ndave {DAVE}\n");
        assert_eq!(damage(&content), [(3, reason)], "{line}");
        let mut peers = KnownPeers::parse(content.as_bytes());
        assert_eq!(peers.peers().len(), 2);
        assert!(!format!("{peers:?} {reason}").contains("AAAA"));
        let fresh = PeerId::new([9; 32]);
        assert!(kind_of(peers.add("erin", &fresh, &[])).contains("DamagedLine(Damage { line: 3"));
        assert!(peers.rename("dave", "d").is_err() && peers.remove("dave").is_err());
        assert!(peers.revoke(&key(CAROL), None).is_err());
        assert!(peers.set_verified("dave", None).is_err());
        assert_eq!(rendered(&peers), content);
    }
    assert_eq!(
        KnownPeers::parse(b"bob \xff\n").damage()[0].reason,
        Is::NotText
    );
}

#[test]
fn a_damaged_line_that_may_revoke_a_key_is_not_to_be_made_a_remark() {
    let advice = |line: &str| {
        let peers = KnownPeers::parse(format!("bob {BOB}\n{line}\n").as_bytes());
        peers.damage()[0].advice()
    };
    for line in [
        &format!("@revoked {BOB} reason=laptop stolen"),
        &format!("@revoked {BOB} reason=\"laptop stolen"),
        &format!("\u{feff} @revoked {BOB}"),
        &format!("@revoke {BOB}"),
        "\t@revoked",
    ] {
        assert!(advice(line).starts_with("It may revoke a key: "), "{line}");
    }
    for line in ["carol", &format!("carol {CAROL} note=a@b x")] {
        assert!(advice(line).ends_with("put a # in front of it."), "{line}");
    }
}

#[test]
fn what_a_peer_showed_is_noted_and_never_taken_back() {
    let (first, second) = (VerifyingKey::new([1; 32]), VerifyingKey::new([2; 32]));
    let content = format!("bob {BOB} colour=red # work\n");
    let mut peers = KnownPeers::parse(content.as_bytes());
    peers.introduce(&key(BOB), first, 2).unwrap();
    let first_in_base64 = STANDARD.encode([1; 32]);
    let expected = format!("bob {BOB} colour=red sign={first_in_base64} version=2 # work\n");
    assert_eq!(rendered(&peers), expected);
    peers.introduce(&key(BOB), second, 1).unwrap();
    assert_eq!(rendered(&peers), expected);
    peers.introduce(&key(BOB), first, 3).unwrap();
    assert_eq!(rendered(&peers), expected.replace("version=2", "version=3"));
    let bob = peers.find("bob").unwrap();
    assert_eq!((bob.signing_key(), bob.version()), (Some(first), Some(3)));
    let unknown = peers.introduce(&key(CAROL), first, 1);
    assert!(kind_of(unknown).contains("NotFound"));
}

#[test]
fn a_psk_is_read_and_never_shown() {
    let content = format!("bob {BOB} psk={DAVE}\n");
    let peers = KnownPeers::parse(content.as_bytes());
    let bob = peers.find("bob").unwrap();
    assert!(bob.has_psk());
    assert_eq!(bob.psk().unwrap().expose(), key(DAVE).as_bytes());
    assert!(!format!("{bob:?} {peers:?}").contains("psk"));
}

/// A private directory and the place of the list in it.
fn place() -> (tempfile::TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("config/known-peers");
    (home, path)
}

#[test]
fn no_file_is_nobody() {
    let (_home, path) = place();
    assert_eq!(KnownPeers::load(&path).unwrap().peers().len(), 0);
    assert_eq!(KnownPeers::load(&path).unwrap().stamp(), Stamp::of(&path));
}

#[test]
fn an_update_is_kept_with_the_former_file_beside_it() {
    let (_home, path) = place();
    KnownPeers::update(&path, |peers| peers.add("bob", &key(BOB), &[])).unwrap();
    let first = fs::read_to_string(&path).unwrap();
    KnownPeers::update(&path, |peers| peers.add("carol", &key(CAROL), &[])).unwrap();
    assert_eq!(KnownPeers::load(&path).unwrap().peers().len(), 2);
    assert_eq!(
        fs::read_to_string(path.with_file_name("known-peers.bak")).unwrap(),
        first
    );
}

/// It would be none, and nothing be added to it.
#[test]
fn a_list_that_was_made_by_hand_is_one_also_without_its_last_line() {
    let (_home, path) = place();
    fs::create_dir(path.parent().unwrap()).unwrap();
    fs::write(&path, format!("bob {BOB}\n")).unwrap();
    KnownPeers::update(&path, |peers| peers.remove("bob")).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{HEADER}\n"));
    KnownPeers::update(&path, |peers| peers.add("carol", &key(CAROL), &[])).unwrap();
}

#[test]
fn a_change_that_fails_changes_nothing() {
    let (_home, path) = place();
    KnownPeers::update(&path, |peers| peers.add("bob", &key(BOB), &[])).unwrap();
    let stamp = Stamp::of(&path);
    let result = KnownPeers::update(&path, |peers| {
        peers.add("carol", &key(CAROL), &[])?;
        peers.rename("nobody", "x")
    });
    assert!(result.is_err());
    KnownPeers::update(&path, |_| Ok(())).unwrap();
    assert_eq!(Stamp::of(&path), stamp);
}

#[test]
fn a_list_that_could_not_be_read_again_is_not_written() {
    let (_home, path) = place();
    KnownPeers::update(&path, |peers| peers.add("bob", &key(BOB), &[])).unwrap();
    let before = Zeroizing::new(fs::read(&path).unwrap());
    let longest = usize::try_from(crate::store::atomic::MAX_FILE_LEN).unwrap();
    let content = |len| Zeroizing::new(vec![b'#'; len]);
    let error = file::save(
        &Disk::SYSTEM,
        &path,
        &content(longest + 1),
        Some(before.clone()),
    )
    .unwrap_err();
    assert!(error.to_string().contains("more than 16 MiB"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), *before);
    assert!(!path.with_file_name("known-peers.bak").exists());
    file::save(&Disk::SYSTEM, &path, &content(longest), Some(before)).unwrap();
    KnownPeers::load(&path).unwrap();
}

/// They hold what a list holds, which may be a psk.
#[test]
fn what_a_kill_left_beside_the_list_goes_with_the_next_change() {
    let (_home, path) = place();
    KnownPeers::update(&path, |peers| peers.add("bob", &key(BOB), &[])).unwrap();
    let left = [".known-peers.7-0.tmp", ".known-peers.bak.7-1.tmp"];
    let left = left.map(|name| path.with_file_name(name));
    left.iter().for_each(|it| fs::write(it, "half").unwrap());
    KnownPeers::update(&path, |_| Ok(())).unwrap();
    assert!(!left.iter().any(|it| it.exists()));
}

#[test]
fn a_damaged_file_is_named_and_left_alone() {
    let (_home, path) = place();
    crate::store::atomic::create_parent(&path).unwrap();
    let content = format!("bob {BOB}\nnonsense\ncarol {CAROL}\n");
    fs::write(&path, &content).unwrap();
    let error = KnownPeers::load(&path).unwrap_err();
    assert_eq!(error.path(), Some(path.as_path()));
    assert!(matches!(
        error.kind(),
        ErrorKind::DamagedLine(Damage { line: 2, .. })
    ));
    assert!(KnownPeers::update(&path, |peers| peers.remove("bob")).is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), content);
    assert_eq!(
        KnownPeers::load_despite_damage(&path)
            .unwrap()
            .peers()
            .len(),
        2
    );
}

#[test]
fn what_an_editor_saved_meanwhile_is_not_lost() {
    let (_home, path) = place();
    KnownPeers::update(&path, |peers| peers.add("bob", &key(BOB), &[])).unwrap();
    let edited = format!("bob {BOB}\ncarol {CAROL}\n");
    KnownPeers::update(&path, |peers| {
        fs::write(&path, &edited).unwrap();
        peers.remove("bob")
    })
    .unwrap();
    let saved = fs::read_to_string(&path).unwrap();
    assert_eq!(saved, format!("carol {CAROL}\n"));
    let backup = path.with_extension("bak");
    assert_eq!(fs::read_to_string(backup).unwrap(), edited);
}

#[test]
fn two_writers_wait_for_each_other() {
    let (_home, path) = place();
    std::thread::scope(|scope| {
        for writer in 0..4_u8 {
            let path = &path;
            scope.spawn(move || {
                for number in 0..5_u8 {
                    let (name, key) = (
                        format!("p{writer}-{number}"),
                        PeerId::new([16 * writer + number + 1; 32]),
                    );
                    KnownPeers::update(path, |peers| peers.add(&name, &key, &[])).unwrap();
                }
            });
        }
    });
    assert_eq!(KnownPeers::load(&path).unwrap().peers().len(), 20);
}

#[test]
fn a_save_changes_the_stamp() {
    let (_home, path) = place();
    KnownPeers::update(&path, |peers| peers.add("bob", &key(BOB), &[])).unwrap();
    let stamp = KnownPeers::load(&path).unwrap().stamp();
    assert_eq!(Stamp::of(&path), stamp);
    // The same length, and perhaps the same clock tick.
    KnownPeers::update(&path, |peers| peers.rename("bob", "rob")).unwrap();
    assert_ne!(Stamp::of(&path), stamp);
}

#[cfg(unix)]
mod permissions {
    use super::*;
    use crate::store::os::testing::{mode, set_mode, symlink};

    #[test]
    fn what_we_make_is_private() {
        let (_home, path) = place();
        for name in ["bob", "carol"] {
            let key = key(if name == "bob" { BOB } else { CAROL });
            KnownPeers::update(&path, |peers| peers.add(name, &key, &[])).unwrap();
        }
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        for name in ["known-peers", "known-peers.bak", ".known-peers.lock"] {
            assert_eq!(mode(&path.with_file_name(name)), 0o600, "{name}");
        }
    }

    #[test]
    fn a_list_that_others_can_write_is_refused() {
        let (_home, path) = place();
        KnownPeers::update(&path, |peers| peers.add("bob", &key(BOB), &[])).unwrap();
        set_mode(&path, 0o644);
        KnownPeers::load(&path).unwrap();
        set_mode(&path, 0o664);
        assert!(kind_of(KnownPeers::load(&path)).contains("UnsafePermissions"));
        assert!(KnownPeers::update(&path, |peers| peers.remove("bob")).is_err());
        set_mode(&path, 0o600);
        set_mode(path.parent().unwrap(), 0o777);
        assert!(kind_of(KnownPeers::load(&path)).contains("UnsafeDirectory"));
    }

    #[test]
    fn a_list_with_a_psk_is_a_secret() {
        let (_home, path) = place();
        crate::store::atomic::create_parent(&path).unwrap();
        fs::write(&path, format!("bob {BOB} psk={DAVE}\n")).unwrap();
        set_mode(&path, 0o644);
        assert!(kind_of(KnownPeers::load(&path)).contains("wanted: 384"));
        set_mode(&path, 0o600);
        KnownPeers::load(&path).unwrap();
    }

    #[test]
    fn a_link_stays_a_link() {
        let (_home, path) = place();
        KnownPeers::update(&path, |peers| peers.add("bob", &key(BOB), &[])).unwrap();
        let link = path.with_file_name("link");
        symlink(&path, &link).unwrap();
        KnownPeers::update(&link, |peers| peers.rename("bob", "rob")).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(KnownPeers::load(&path).unwrap().find("rob").is_ok());
    }
}
