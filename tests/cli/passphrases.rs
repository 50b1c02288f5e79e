//! What a new passphrase protects, and what it does not.

use super::*;

/// Whoever changed it since somebody had seen it believed that a backup was safe.
#[test]
fn a_new_passphrase_is_said_not_to_protect_what_was_copied_before() {
    let home = Home::with_identity();
    let [first, second] = ["first", "second"].map(|name| {
        let file = home.write(name, &format!("passphrase {name}\n"));
        file.to_str().unwrap().to_owned()
    });
    let passwd = |old: &[&str], new: &[&str]| {
        let done = home.run(&[&["key", "passwd"], old, new].concat());
        assert_eq!(done.code, 0, "{}", done.stderr);
        done.stderr
    };
    let protected = "HOME/identity.key is protected by the new passphrase\n";
    let copies = "\x20 copies that were made before (backups, links) ";
    let said = passwd(&[], &["--new-passphrase-file", &first]);
    assert_eq!(said, format!("{protected}{copies}are not protected\n"));
    let said = passwd(
        &["--passphrase-file", &first],
        &["--new-passphrase-file", &second],
    );
    let open = "open with the former one; if somebody knows that, make a new key: ";
    let anew = "securechat --home HOME keygen --force\n";
    assert_eq!(said, format!("{protected}{copies}{open}{anew}"));
    let link = home.path("backup.key");
    fs::hard_link(home.path("identity.key"), &link).unwrap();
    let said = passwd(
        &["--passphrase-file", &second],
        &["--new-passphrase-file", &first],
    );
    let links = "warning: such copies are there: the file had 1 other name (hard links)\n";
    let links = if cfg!(unix) { links } else { "" };
    assert_eq!(said, format!("{protected}{copies}{open}{anew}{links}"));
    let link = link.to_str().unwrap();
    let opened = ["key", "passwd", link, "--passphrase-file", &second];
    let opened = home.run(&[&opened[..], &["--no-passphrase"]].concat());
    assert_eq!(
        opened.stderr,
        "HOME/backup.key is no longer protected by a passphrase\n"
    );
}
