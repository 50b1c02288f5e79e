//! `status`, `history` and `peers` beside a program that runs.

use securechat::store::{Filter, Salvaged};

use super::*;
use crate::filled;

#[test]
fn status_says_how_things_stand_with_and_without_a_program() {
    let (alice, bob) = Home::friends();
    let alone = alice.run(&["status"]);
    let [start, daemon] = ["listen", "daemon"].map(|it| alice.suggested(it));
    let starts = format!(
        "no program runs: start {}, {start} or {daemon}\n",
        alice.suggested("").trim()
    );
    assert!(alone.rest.contains(&starts), "{}", alone.rest);
    assert!(alone.rest.contains("peer: bob\n"), "{}", alone.rest);
    alice.run(&["send", "bob", "later", "--no-wait"]);
    assert!(
        alice
            .run(&["status"])
            .rest
            .contains("  waiting: 1 to be sent\n")
    );
    let (daemon, mut person) = connected(&alice, &bob);
    person.said("later");
    person.say("hi");
    let mut bot = Client::of(&alice);
    bot.ask("subscribe", &json!({}));
    bot.event("message");
    let shown = alice.run(&["status"]).rest;
    for words in [
        &format!("identity: {}", alice.key()),
        "  listening on: 127.0.0.1:",
        "peer: bob",
        &format!("  key: {}", bob.key()),
        "  verified: no",
        "  state: connected",
        "  endpoint: 127.0.0.1:",
        "  latest handshake: ",
        "  messages: 1 received, 1 delivered",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    person.leave();
    bot.event("closed");
    let shown = alice.run(&["status", "bob"]).rest;
    assert!(
        shown.contains("  state: not connected (bob left; "),
        "{shown}"
    );
    let printed: Value =
        serde_json::from_str(alice.run(&["status", "--json"]).rest.trim_end()).unwrap();
    let root = root();
    let (mut status, definition) = (printed, root["$defs"]["status"].clone());
    assert_eq!(status.as_object_mut().unwrap().remove("v"), Some(json!(1)));
    assert_eq!(
        schema::mismatch(&root, &definition, &status),
        None,
        "{status}"
    );
    assert_eq!(status["pid"], json!(daemon.pid()));
    alice.attempt(&["status", "bbo"]).failed(4, "SC05");
}

/// A friend with a new key was refused, and nobody could see why nothing came of him.
#[test]
fn status_says_how_many_were_turned_away() {
    let (alice, stranger) = (Home::new(), Home::new());
    let (daemon, address) = daemon(&alice);
    let address = address.to_string();
    let refused = stranger.attempt(&["connect", "--peer-key", &alice.key(), &address]);
    refused.failed(4, "SC10");
    let words = "turned away: 1 call of keys that are not saved, the last ";
    let shown = alice.run(&["status"]).rest;
    assert!(shown.contains(words), "{shown}");
    let printed = alice.run(&["status", "--json"]).rest;
    let mut printed: Value = serde_json::from_str(printed.trim_end()).unwrap();
    assert_eq!(printed["turned_away"]["calls"], json!(1));
    printed.as_object_mut().unwrap().remove("v");
    let root = root();
    let mismatch = schema::mismatch(&root, &root["$defs"]["status"], &printed);
    assert_eq!(mismatch, None, "{printed}");
    daemon.signal(Signal::TERM);
    daemon.end();
}

#[test]
fn history_is_looked_up_written_out_and_deleted_by_what_runs() {
    let (alice, bob) = Home::friends();
    fs::write(alice.path("config.toml"), "[history]\nkeep = \"forever\"\n").unwrap();
    let (daemon, mut person) = connected(&alice, &bob);
    let mut bot = Client::of(&alice);
    bot.ask("subscribe", &json!({}));
    for number in 0..3 {
        person.say(&format!("line {number}"));
        bot.event("message");
    }
    alice.run(&["send", "bob", "an answer"]);
    let running = |args: &[&str]| alice.run(args).rest;
    let shown = running(&["history", "show"]);
    let texts: Vec<&str> = shown
        .lines()
        .map(|it| it.rsplit('\t').next().unwrap())
        .collect();
    assert_eq!(texts, ["line 0", "line 1", "line 2", "an answer"]);
    let last = running(&["history", "search", "LINE", "--in", "bob", "--last", "2"]);
    assert_eq!(last.lines().count(), 2);
    let written = running(&["history", "export", "--json"]);
    assert_eq!(written.lines().count(), 4);
    person.leave();
    bot.event("closed");
    daemon.signal(Signal::TERM);
    daemon.end();
    assert_eq!(
        running(&["history", "show"]),
        shown,
        "the same as from the file"
    );
    let (_again, _) = self::daemon(&alice);
    let purged = alice.run(&["history", "purge", "--all", "--yes"]);
    assert!(
        purged.told.contains("4 messages deleted"),
        "{}",
        purged.told
    );
    assert_eq!(running(&["history", "show"]), "");
}

#[test]
fn one_message_is_deleted_by_its_name_and_what_is_under_way_stays() {
    let (alice, bob) = Home::friends();
    fs::write(alice.path("config.toml"), "[history]\nkeep = \"forever\"\n").unwrap();
    let (_daemon, address) = daemon(&alice);
    let mut client = Client::of(&alice);
    client.ask("subscribe", &json!({}));
    let sent = client.ask("send", &json!({ "peer": "bob", "text": "for later" }));
    let delete = |id: &Value, dir: &str| json!({ "peer": "bob", "message": id, "dir": dir });
    client.request("history.delete", &delete(&sent["message"], "out"));
    let refused = client.answer()["error"].to_string();
    assert!(refused.contains("it is not delivered yet"), "{refused}");
    let mut person = bob.connect("alice", address, &[]);
    person.said("for later");
    person.say("a secret");
    let said = client.event("message");
    let said = if said["dir"] == "in" {
        said
    } else {
        client.event("message")
    };
    let gone = delete(&said["id"], "in");
    assert_eq!(
        client.ask("history.delete", &delete(&said["id"], "out"))["messages"],
        0
    );
    assert_eq!(client.ask("history.delete", &gone)["messages"], 1);
    assert_eq!(client.ask("history.delete", &gone)["messages"], 0);
    let found = client.ask("history.find", &json!({}));
    assert_eq!(found["messages"].as_array().unwrap().len(), 1, "{found}");
    client.request("history.delete", &delete(&json!("1-x"), "in"));
    let refused = client.answer()["error"].to_string();
    assert!(refused.contains("is no name of a message"), "{refused}");
}

/// What is kept for the session is looked up, deleted and purged as what is kept for longer, and gone with the program.
#[test]
fn a_daemon_has_the_history_of_its_session_and_nobody_after_it() {
    let (alice, bob) = Home::friends();
    fs::write(alice.path("config.toml"), "[history]\nkeep = \"session\"\n").unwrap();
    let (daemon, mut person) = connected(&alice, &bob);
    let mut bot = Client::of(&alice);
    bot.ask("subscribe", &json!({}));
    let mut ids = Vec::new();
    for number in 0..4 {
        person.say(&format!("line {number}"));
        ids.push(bot.event("message")["id"].clone());
    }
    alice.run(&["send", "bob", "an answer"]);
    let found = |bot: &mut Client| {
        let page = bot.ask("history.find", &json!({}));
        let messages = page["messages"].as_array().unwrap().clone();
        messages
            .iter()
            .map(|it| {
                format!(
                    "{} {}",
                    it["state"].as_str().unwrap(),
                    it["text"].as_str().unwrap()
                )
            })
            .collect::<Vec<_>>()
            .join(", ")
    };
    let all =
        "received line 0, received line 1, received line 2, received line 3, delivered an answer";
    until("all were heard by the bot", || {
        (found(&mut bot) == all).then_some(())
    });
    let delete = json!({ "peer": "bob", "message": ids[1], "dir": "in" });
    assert_eq!(bot.ask("history.delete", &delete)["messages"], 1);
    assert_eq!(bot.ask("history.delete", &delete)["messages"], 0);
    assert_eq!(alice.run(&["history", "show"]).rest.lines().count(), 4);
    let written = alice.run(&["history", "export", "--json"]);
    assert_eq!(written.rest.lines().count(), 4);
    assert_eq!(rows_of_the_file(&alice), 0);
    let purged = alice.run(&["history", "purge", "--in", "bob", "--yes"]);
    assert!(
        purged.told.contains("4 messages deleted"),
        "{}",
        purged.told
    );
    assert_eq!(found(&mut bot), "");
    person.say("the last line");
    let last = "received the last line";
    until("the last line was heard", || {
        (found(&mut bot) == last).then_some(())
    });
    daemon.signal(Signal::TERM);
    daemon.end();
    let after = alice.run(&["history", "show"]);
    assert_eq!(after.rest, "");
    assert!(
        after.told.contains("the history of a run ends with it"),
        "{}",
        after.told
    );
    let (_again, _) = self::daemon(&alice);
    assert_eq!(found(&mut Client::of(&alice)), "");
}

/// How many messages of the history a copy of the store has, whatever the settings say.
fn rows_of_the_file(alice: &Home) -> usize {
    let file = filled::path(&alice.path(""));
    let copy = alice.path("copy.redb");
    fs::copy(&file, &copy).unwrap();
    let secret = filled::secret(&alice.path(""));
    let read = Salvaged::read(&copy, &secret, &Filter::default()).unwrap();
    fs::remove_file(&copy).unwrap();
    read.found.entries.len()
}

/// It was said that there is nobody called "?".
#[test]
fn who_has_no_name_is_not_renamed_or_removed_and_the_answer_says_who_was_meant() {
    let (alice, bob) = (Home::new(), Home::new());
    let (_program, _) = daemon(&alice);
    let mut client = Client::of(&alice);
    let key = bob.key();
    let wanted = format!("no peer called \"{key}\"");
    for (method, params) in [
        ("peers.remove", json!({ "peer": key })),
        ("peers.rename", json!({ "peer": key, "name": "robert" })),
    ] {
        client.request(method, &params);
        let error = client.answer()["error"].clone();
        assert_eq!(
            (&error["data"]["code"], &error["message"]),
            (&json!("SC05"), &json!(wanted))
        );
    }
}

#[test]
fn peers_that_are_added_beside_it_can_call_at_once() {
    let (alice, bob) = (Home::new(), Home::new());
    let (mut program, address) = daemon(&alice);
    alice.knows("bob", &bob);
    let mut caller = bob.call(&alice, address, &[]);
    caller.told("secure: ");
    program.told("secure: bob");
    let mut client = Client::of(&alice);
    client.ask("peers.rename", &json!({ "peer": "bob", "name": "robert" }));
    assert_eq!(
        client.ask("peers.list", &json!({}))["peers"][0]["name"],
        "robert"
    );
    assert!(alice.known_peers().contains("robert"));
    client.ask("peers.remove", &json!({ "peer": "robert" }));
    caller.told("does not want another");
}

/// It was told as if the peer had been removed.
#[test]
fn why_a_session_is_over_with_somebody_who_is_a_peer_no_more_is_told() {
    for (method, reason) in [("peers.revoke", "revoked"), ("peers.remove", "removed")] {
        let (alice, bob) = Home::friends();
        let (_daemon, _person) = connected(&alice, &bob);
        let mut bot = Client::of(&alice);
        bot.ask("subscribe", &json!({}));
        bot.ask(method, &json!({ "peer": "bob" }));
        assert_eq!(bot.event("closed")["reason"], reason);
    }
}
