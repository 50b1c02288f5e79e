//! What is over and kept in memory, where the disk fails while the change that it is a part of is written.

use securechat::chat::{ConversationId, Incoming, Kind, LogId, Name, Outgoing, State};
use securechat::store::{Archive, Filter, Keep, Search, Standing, Way};
use securechat::time::UnixTime;

use crate::disk::{Disk, Fault};
use crate::{Dice, contact, fresh, open_keeping};

const NOW: UnixTime = UnixTime(1);

const NAME: Name = Name {
    log: LogId(1),
    sequence: 0,
};

/// A store in which one message waits for its receipt, and one came and was not shown.
fn with_two(dice: &mut Dice) -> (Archive, Disk) {
    let disk = Disk::new(fresh(1, dice), None);
    let (mut archive, _) = open_keeping(Keep::Session, &disk, 1, dice, NOW).unwrap();
    let ours = Outgoing {
        name: NAME,
        kind: Kind::Text,
        conversation: ConversationId::default(),
        sent_at: NOW,
        body: b"ours".as_slice().into(),
    };
    let theirs = Incoming {
        name: NAME,
        kind: Kind::Text,
        conversation: ConversationId::default(),
        sent_at: NOW,
        body: b"theirs".to_vec(),
        missing: 0,
    };
    let changed = archive.change(NOW, |it| {
        it.queue(contact(7), &ours)?;
        it.receive(contact(8), &theirs)
    });
    assert!(changed.unwrap());
    (archive, disk)
}

/// What is found, and whether it is over.
fn found(archive: &Archive) -> Vec<(Vec<u8>, bool)> {
    let mut search = Search::new(Filter::default(), Way::Back, None);
    let page = search.page(archive, 9, 999).unwrap();
    let entries = page.entries.into_iter();
    let found = entries.map(|it| {
        let is_over = !it.is_unconfirmed && it.standing != Standing::Waiting;
        (it.body, is_over)
    });
    let mut found: Vec<_> = found.collect();
    found.sort();
    found
}

/// In memory after the disk: it would be there and in the outbox, or the inbox.
#[test]
fn nothing_is_found_twice_wherever_the_disk_fails() {
    let mut dice = Dice::new(12);
    for fault in [Fault::Error, Fault::Gone, Fault::Full] {
        let mut refused = 0;
        for points in 0.. {
            let (mut archive, disk) = with_two(&mut dice);
            disk.fail_after(points, fault);
            let changed = archive.change(NOW, |it| {
                it.settle(contact(7), NAME, State::Delivered)?;
                it.shown(contact(8), NAME)
            });
            let is_over = changed.is_ok();
            let wanted = [b"ours".to_vec(), b"theirs".to_vec()].map(|it| (it, is_over));
            assert_eq!(found(&archive), wanted, "{fault:?} after {points}");
            if !disk.has_failed() {
                break;
            }
            refused += usize::from(!is_over);
        }
        assert!(refused > 0, "{fault:?}");
    }
}
