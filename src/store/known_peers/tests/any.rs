//! What holds for any file.

use proptest::prelude::*;

use super::*;

/// Good lines in every spelling, some bad ones, and bytes that are nothing.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![well_spelt(), nonsense()]
}

fn well_spelt() -> impl Strategy<Value = Vec<u8>> {
    let space = prop::sample::select(vec![" ", "  ", "\t", " \t "]);
    let option = prop::sample::select(vec![
        "addr=a:1",
        "addr=[::1]:7419",
        "verified=2026-11-21",
        "note=\"x \\\" # y\"",
        "empty=\"\"",
        "later=1",
    ]);
    let options = prop::collection::vec((space, option), 0..5);
    let end = prop::sample::select(vec![
        "\n",
        "\r\n",
        " \n",
        " # remark\n",
        "\n\n#\n",
        "\n@x\n",
    ]);
    let lines = [("bob", BOB), ("carol", CAROL)].map(|(name, key)| {
        (options.clone(), end.clone()).prop_map(move |(options, end)| {
            let options: String = options
                .iter()
                .map(|(space, option)| format!("{space}{option}"))
                .collect();
            format!("{name} {key}{options}{end}").into_bytes()
        })
    });
    lines.prop_map(|lines| lines.concat())
}

fn nonsense() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        prop::sample::select(WORDS.to_vec()).prop_map(|word| word.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..6),
        "\\PC{0,6}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(word, 0..60).prop_map(|words| words.concat())
}

const WORDS: [&str; 21] = [
    " ",
    " ",
    " ",
    "\n",
    "\n",
    "\r\n",
    "\t",
    "#",
    "\"",
    "\\",
    "bob",
    "carol",
    "@revoked",
    BOB,
    CAROL,
    " addr=a:1",
    " note=\"x y\"",
    " psk=",
    "\u{feff}",
    "seen=2026-11-21",
    " differed=2026-11-21",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_file_is_given_back_byte_for_byte(content in hostile()) {
        let peers = KnownPeers::parse(&content);
        prop_assert_eq!(&*peers.render(), &content);
    }

    #[test]
    fn every_name_that_is_allowed_can_be_added(name in "[a-z0-9_][a-z0-9._-]{0,31}|[а-я]{1,32}|my-secret-key") {
        let mut peers = KnownPeers::default();
        peers.add(&name, &key(BOB), &[]).unwrap();
        peers.check_intact().unwrap();
        prop_assert_eq!(peers.find(&name).unwrap().key(), key(BOB));
    }

    #[test]
    fn a_change_to_any_file_keeps_all_other_lines(content in hostile()) {
        let mut peers = KnownPeers::parse(&content);
        let lines_before = peers.lines.len();
        let fresh = PeerId::new([9; 32]);
        if peers.add("zed", &fresh, &[address("z:1")]).is_err() {
            prop_assert_eq!(&*peers.render(), &content);
            return Ok(());
        }
        peers.check_intact().unwrap();
        prop_assert!(peers.render().starts_with(&content));
        for name in ["bob", "carol"] {
            if peers.find(name).is_ok() {
                peers.set_verified(name, Some(Day::from(UnixTime(0)))).unwrap();
                peers.set_addresses(name, &[]).unwrap();
                prop_assert!(peers.find(name).unwrap().addresses().is_empty());
                prop_assert!(peers.find(name).unwrap().verified().is_some());
            }
        }
        prop_assert_eq!(peers.lines.len(), lines_before + 1);
        peers.remove("zed").unwrap();
        prop_assert_eq!(peers.lines.len(), lines_before);
        peers.check_intact().unwrap();
    }
}
