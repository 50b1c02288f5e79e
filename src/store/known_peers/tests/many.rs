//! What a change costs in a list of many.

use super::*;

/// So many people.
const MANY: u8 = 100;

fn many() -> KnownPeers {
    let mut peers = KnownPeers::default();
    for number in 0..MANY {
        let (name, key) = (format!("peer{number}"), PeerId::new([number + 1; 32]));
        peers.add(&name, &key, &[]).unwrap();
    }
    peers
}

/// How many lines are read meanwhile.
fn read_lines(change: impl FnOnce()) -> usize {
    let before = parsed_for_testing_only();
    change();
    parsed_for_testing_only() - before
}

/// All were read anew for each option.
#[test]
fn what_is_noted_of_one_reads_its_line_and_no_other() {
    let mut peers = many();
    let shown = VerifyingKey::new([9; 32]);
    let read = read_lines(|| peers.introduce(&PeerId::new([7; 32]), shown, 1).unwrap());
    assert_eq!(read, 2, "for two options");
    let noted = peers.find("peer6").unwrap();
    assert_eq!(
        (noted.signing_key(), noted.version()),
        (Some(shown), Some(1))
    );
    let same = KnownPeers::parse(&peers.render());
    assert_eq!(same.find("peer6").unwrap().signing_key(), Some(shown));
}

/// It was read again in full before it was replaced.
#[test]
fn a_change_of_the_file_reads_each_line_once() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("known-peers");
    fs::write(&path, many().render()).unwrap();
    let day = Day::from(UnixTime(0));
    let change = |peers: &mut KnownPeers| peers.set_verified("peer6", Some(day));
    let read = read_lines(|| KnownPeers::update(&path, change).unwrap());
    let lines = usize::from(MANY) + 1;
    assert_eq!(read, lines + 2, "and what was changed twice more");
}
