//! What is said about the network, and networks with something in between.

#[cfg(target_os = "linux")]
use crate::home::Home;

/// It named no host, though the line at the start did.
#[cfg(target_os = "linux")]
#[test]
fn what_others_can_run_is_the_same_whenever_it_is_said() {
    let home = Home::new();
    let (mut listener, _) = crate::terminal::listen(&home, &[]);
    let command = |line: String| line[line.find("others can run:").unwrap()..].to_owned();
    let first = command(listener.said("others can run:"));
    listener.say("/myid");
    assert_eq!(command(listener.said("others can run:")), first);
}
