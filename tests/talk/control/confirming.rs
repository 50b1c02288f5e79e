//! What counts as heard by those who listen to a daemon.

use super::*;

/// Subscribes as somebody who says what it has heard. Also how much comes that nobody has.
fn confirming(home: &Home) -> (Client, Value) {
    let mut bot = Client::of(home);
    let told = bot.ask("subscribe", &json!({ "confirm": true }));
    (bot, told["unheard"].clone())
}

fn confirm(bot: &mut Client, message: &Value) -> Value {
    let named = json!({ "peer": message["key"], "message": message["id"] });
    bot.ask("confirm", &named)["confirmed"].clone()
}

/// Makes sure that the daemon hears of what came here that it was written before it hears anything else: the thread that
/// writes it says so before it writes the next answer.
fn is_told_to_be_written(client: &mut Client) {
    client.ask("hello", &json!({}));
}

/// A message counted as heard once it was in the socket: a bot that crashed over it never saw it again.
#[test]
fn what_a_bot_has_not_confirmed_comes_again_to_the_next_one_and_is_marked() {
    let (alice, bob) = Home::friends();
    let (before, mut person) = connected(&alice, &bob);
    let (mut bot, unheard) = confirming(&alice);
    assert_eq!(unheard, json!(0));
    person.say("done");
    person.say("not done");
    let done = bot.event("message");
    let not_done = bot.event("message");
    assert_eq!(not_done.get("again"), None);
    // By its answer the daemon has been told that both were written.
    assert_eq!(confirm(&mut bot, &done), json!(true));
    assert_eq!(confirm(&mut bot, &done), json!(false), "it was before");
    let status = alice.run(&["status"]).rest;
    let words = "\n  unheard: 1 message that no program has heard yet\n";
    assert!(status.contains(words), "{status}");
    // It has crashed.
    drop(bot);
    let (mut next, unheard) = confirming(&alice);
    assert_eq!(unheard, json!(1));
    let again = next.event("message");
    assert_eq!(
        (&again["id"], &again["again"]),
        (&not_done["id"], &json!(true))
    );
    person.leave();
    before.signal(Signal::TERM);
    before.end();
    let (_after, _) = daemon(&alice);
    let (mut last, unheard) = confirming(&alice);
    assert_eq!(unheard, json!(1));
    let again = last.event("message");
    assert_eq!(
        (&again["id"], &again["again"]),
        (&not_done["id"], &json!(true))
    );
    assert_eq!(confirm(&mut last, &again), json!(true));
    assert_eq!(confirming(&alice).1, json!(0));
    let kept = last.ask("history.find", &json!({}));
    assert_eq!(kept["messages"], json!([]), "nobody keeps it: {kept}");
}

#[test]
fn who_does_not_confirm_takes_nothing_from_who_does_and_all_that_is_left() {
    let (alice, bob) = Home::friends();
    let (_daemon, mut person) = connected(&alice, &bob);
    let (mut bot, _) = confirming(&alice);
    let mut other = Client::of(&alice);
    other.ask("subscribe", &json!({}));
    person.say("for the bot");
    bot.event("message");
    other.event("message");
    is_told_to_be_written(&mut bot);
    drop((bot, other));
    let mut next = Client::of(&alice);
    assert_eq!(next.ask("subscribe", &json!({}))["unheard"], json!(1));
    assert_eq!(next.event("message")["again"], json!(true));
    // Until the daemon has seen that the bot has left, what others are written counts for nothing.
    until("it counts as heard", || {
        let mut next = Client::of(&alice);
        let told = next.ask("subscribe", &json!({}));
        if told["unheard"] == json!(0) {
            return Some(());
        }
        next.event("message");
        is_told_to_be_written(&mut next);
        None
    });
}

#[test]
fn nothing_is_confirmed_where_somebody_else_is_told() {
    let (alice, _) = Home::friends();
    let (_listener, _) = alice.listen(&[]);
    let mut client = Client::of(&alice);
    let named = json!({ "peer": "bob", "message": "0000000000000abc-5" });
    let subscribe = json!({ "confirm": true });
    for (method, params) in [("subscribe", subscribe), ("confirm", named)] {
        client.request(method, &params);
        let refused = client.answer()["error"].to_string();
        assert!(
            refused.contains("only a daemon leaves it to others what they have heard"),
            "{method}: {refused}"
        );
    }
}
