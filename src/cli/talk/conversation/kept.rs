//! What programs ask of what is kept.

use serde_json::{Value, json};

use crate::chat::{ContactId, MessageRef, Name};
use crate::cli::Error;
use crate::cli::history::{Record, begins_with};
use crate::cli::json::parse_message_id;
use crate::cli::talk::conversation::Conversation;
use crate::cli::talk::conversation::looks::{Look, Whose};
use crate::cli::talk::conversation::recalled::why_it_stays;
use crate::cli::talk::conversation::requests::{Asked, value};
use crate::cli::talk::request::{Direction, HistoryDelete, HistoryFind, HistoryPurge};
use crate::store::{Counted, Cursor, Deletion, Filter, Page, Search, Way};
use crate::text::{Safe, safe_line};
use crate::time::UnixTime;

/// Messages in one answer at most.
const PAGE: usize = 10_000;
/// And their bytes; one comes in any case.
const PAGE_BYTES: usize = 8 << 20;

/// What a program waits for.
#[derive(Debug)]
pub(super) struct Find {
    pub(super) asked: Asked,
    oldest_first: bool,
}

impl Conversation {
    /// Looks for what a program asks for, which is answered once it is found.
    pub(super) fn history_find(&mut self, asked: Asked, find: &HistoryFind) {
        match self.begin_to_find(find) {
            Ok(search) => self.look(Look {
                search,
                most: find.most.map_or(PAGE, |most| most.get().min(PAGE)),
                bytes: PAGE_BYTES,
                whose: Whose::Program(Find {
                    asked,
                    oldest_first: find.oldest_first,
                }),
            }),
            Err(error) => self.answer(&asked, Err(error)),
        }
    }

    fn begin_to_find(&mut self, find: &HistoryFind) -> Result<Search, Error> {
        self.profile.journal.catch_up()?;
        self.take_search(find)
    }

    pub(super) fn answer_found(&mut self, find: &Find, search: Search, page: &Page) {
        let entries = page.entries.iter();
        let records = entries.map(|it| value(&Record::of(it, self.label(&it.contact.peer()))));
        let rest = if find.oldest_first { "newer" } else { "older" };
        let mut answer = json!({
            "messages": records.collect::<Vec<_>>(),
            rest: page.more,
            "unreadable": page.unreadable,
            "made_room": page.made_room,
        });
        if let (Some(cursor), Some(fields)) = (page.cursor, answer.as_object_mut()) {
            fields.insert("cursor".to_owned(), json!(cursor.to_string()));
            self.state.searches.keep(search, self.clock.now());
        }
        self.answer(&find.asked, Ok(answer));
    }

    /// The search that is asked for: the one of the page before, if it goes on there.
    fn take_search(&mut self, find: &HistoryFind) -> Result<Search, Error> {
        let filter = Filter {
            contact: self.contact_called(find.peer.as_deref())?,
            since: find.since_ms.map(UnixTime),
            before: find.before_ms.map(UnixTime),
            words: find.words.clone(),
        };
        let way = if find.oldest_first {
            Way::On
        } else {
            Way::Back
        };
        let cursor = find.cursor.as_deref().map(str::parse::<Cursor>).transpose();
        let cursor = cursor.map_err(|error| Error::BadRequest {
            reason: safe_line(&error.to_string()),
        })?;
        let known =
            cursor.and_then(|at| self.state.searches.take(|it| it.goes_on(&filter, way, at)));
        Ok(known.unwrap_or_else(|| Search::new(filter, way, cursor)))
    }

    pub(super) fn history_purge(&mut self, purge: &HistoryPurge) -> Result<Value, Error> {
        self.note_seen();
        self.profile.journal.catch_up()?;
        let contact = self.contact_called(purge.peer.as_deref())?;
        let before = purge.before_ms.map(UnixTime);
        if purge.count_only {
            let counted = self.profile.journal.count_purged(contact, before)?;
            let text = counted.to_string();
            return Ok(json!({ "messages": counted.messages(), "counted": text }));
        }
        let counted = purge.counted.as_deref().map(str::parse::<Counted>);
        let counted = counted.transpose().map_err(|error| Error::BadRequest {
            reason: safe_line(&error.to_string()),
        })?;
        let gone = self.purge_kept(contact, before, counted.as_ref())?;
        Ok(json!({ "messages": gone }))
    }

    pub(super) fn history_delete(&mut self, delete: &HistoryDelete) -> Result<Value, Error> {
        let name = message_called(&delete.message)?;
        let Some(contact) = self.contact_called(Some(&delete.peer))? else {
            return Ok(json!({ "messages": 0 }));
        };
        let is_ours = delete.dir == Direction::Out;
        let which = MessageRef {
            contact,
            name,
            is_ours,
        };
        deleted(self.delete_kept(which)?)
    }

    pub(super) fn contact_called(&self, typed: Option<&str>) -> Result<Option<ContactId>, Error> {
        let Some(typed) = typed else {
            return Ok(None);
        };
        // Perhaps somebody whose messages are kept and whom nobody knows any more.
        if let Some(beginning) = typed.strip_prefix("key:")
            && self.profile.contacts.find(typed).is_none()
        {
            let contacts = self.profile.journal.archive().contacts()?;
            return begins_with(beginning, &contacts).map(Some);
        }
        self.peer_called(typed).map(ContactId::from).map(Some)
    }
}

/// The message that a request names.
///
/// # Errors
/// SC40.
pub(super) fn message_called(typed: &str) -> Result<Name, Error> {
    parse_message_id(typed).ok_or_else(|| Error::BadRequest {
        reason: Safe::from("\"") + safe_line(typed) + "\" is no name of a message",
    })
}

/// What a message that was to be deleted is answered by.
fn deleted(done: Deletion) -> Result<Value, Error> {
    match done {
        Deletion::Done => Ok(json!({ "messages": 1 })),
        Deletion::Lingers => Ok(json!({ "messages": 1, "lingers": true })),
        Deletion::NotKept => Ok(json!({ "messages": 0 })),
        stays @ (Deletion::Waiting | Deletion::Unconfirmed) => Err(Error::BadRequest {
            reason: why_it_stays(stays).into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_told_of_bytes_that_are_left_and_of_no_others() {
        let told = |done| deleted(done).unwrap().to_string();
        assert_eq!(told(Deletion::Done), r#"{"messages":1}"#);
        assert_eq!(told(Deletion::Lingers), r#"{"lingers":true,"messages":1}"#);
        assert_eq!(told(Deletion::NotKept), r#"{"messages":0}"#);
        assert!(deleted(Deletion::Waiting).is_err());
        assert!(deleted(Deletion::Unconfirmed).is_err());
    }
}
