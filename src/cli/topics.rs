//! `securechat help TOPIC`.

/// Every topic.
pub(super) const NAMES: &[&str] = &[
    "messages",
    "keys",
    "trust",
    "diagnosis",
    "exit-codes",
    "files",
    "config",
    "accessibility",
    "security",
    "json",
];

/// The text of a topic, if there is such a topic.
pub(super) fn text(name: &str) -> Option<&'static str> {
    match name {
        "messages" => Some(MESSAGES),
        "keys" => Some(KEYS),
        "trust" => Some(TRUST),
        "diagnosis" => Some(DIAGNOSIS),
        "exit-codes" => Some(EXIT_CODES),
        "files" => Some(FILES),
        "config" => Some(CONFIG),
        "accessibility" => Some(ACCESSIBILITY),
        "security" => Some(SECURITY),
        "json" => Some(JSON),
        _ => None,
    }
}

const MESSAGES: &str = "\
MESSAGES

A message has 16 MiB at most. It arrives once, whole and in its place, or you
are told why not. On a terminal each of yours has a number:

  02:15 me [1]: yes
  02:15 [1] delivered          the other program has shown it, or keeps it
  02:16 [2] queued: ...        it waits here: why, and what is tried next
  02:16 [3] sent; ...          it is there, and has not been shown yet
  02:17 [4] failed: ...        it is given up: why

With several peers the receiver is named: [5] to carol: delivered

The prompt shows to whom a line goes, and changes by itself only from nobody to
the first who comes. Typed text is not repeated behind a new prompt. Arrow keys
do nothing in lines: a line with one in it is not sent, and shown without it.
Of a line beyond 4,095 bytes (macOS: 1,023) a terminal drops the rest without a
word: one that fills that is not sent, but after a Backspace nothing shows it.
A file has no such bound: securechat send NAME - < FILE

  @NAME TEXT   to NAME, and later lines too   //TEXT, @@TEXT   say /TEXT, @TEXT
  /peers       who is there                   /status          how things stand
  /whois NAME  name, key, address             /ping NAME       there and back
  /save NAME   give a name to this key        /rename NEW      another name
  /search WORDS   in what is kept; from:NAME and since:7d before WORDS narrow it
  /export FILE    the conversation into a new file, for you alone
  /disconnect  hang up                        /connect         call now
  /info [N]    when it was written, its state /copy [N]        to the clipboard
  /reply [N]   your next line answers it      /retry [N]       send it once more
  /lines       what you type or paste until a line that is /send is one message;
               a line that is /cancel drops it
  /delete N    away with it here, kept or not
  /help        the commands                   /quit            leave

N of /retry is the number of the message; else it counts from the end of the
conversation that the prompt shows: 1, or none, is the newest.

Without a terminal every line of the input is a message, and what is received is
printed as TIME, NAME and TEXT with tabs between, one line a message; a line
break in it is \\n and a backslash \\\\. What is not UTF-8 is shown as unreadable.

  securechat send bob TEXT     one message: exit code 0 only if it was delivered
  securechat send bob -        the same with all of standard input

  securechat send bob TEXT --no-wait    keeps it for whatever talks to bob next

What is not delivered is kept on disk, 1,000 messages or 64 MiB for each peer at
most, and goes out next time its receiver is reachable: in its order, before
anything new, by whatever program talks to him then. After 14 days it has
failed. A program says at its start what waits, and at its end what is kept.

What had come and was perhaps not shown when a program was killed is shown when
it starts again, marked (again); as a record it has a fourth field: again.
";

const KEYS: &str = "\
KEYS

Your identity is one key pair. The secret half stays in a file on this machine;
the public half is what others need to reach you and to know that it is you.

  securechat keygen                 make it (asks for a passphrase)
  securechat pubkey                 print the public key
  securechat key fingerprint        the same in groups of five, to read aloud
  securechat key qr                 the public key for a camera
  securechat key passwd             change the passphrase
  securechat key export FILE        a copy of the secret key, protected

A public key is 44 characters of base64 and ends with \"=\". It may be given as
  xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=    as printed
  securechat:1:...                                as printed by pubkey --uri
  @FILE                                           the first key in a file
A secret key begins with SECURECHAT-SECRET-KEY-1: or SECURECHAT-ENCRYPTED-KEY-1:
and is refused wherever a public key belongs.

Names of peers are yours alone; nobody is told them. A name has 1 to 32
lower-case letters of one script, digits, and . _ - and is refused if it looks
like another one.

  securechat peers add bob KEY --address HOST:PORT   also another address
  securechat peers list
";

const TRUST: &str = "\
TRUST

Nothing is sent to a machine that does not prove to hold the key you expect.
Who may talk to you while you listen is up to --trust:

  ask      show an unknown key and ask (the rule on a terminal); while there
           is somebody to talk to, /add NAME and /refuse decide, no other line
  strict   only keys that are saved as peers (the rule without a terminal, and
           of a daemon)
  new      save an unknown key and accept it

Of what an unknown caller writes you see the name that it suggests, if that is
a valid one; nothing else is shown before you accept. A key that you accept for
the first time may be anybody's: compare it over another channel, a phone call
or a meeting.

  /verify (usually Alt+V)           while you talk: four words, seen by both
  securechat peers verify bob       60 digits, without a connection (or /number)

Words that differ bar the other, and end the session on both sides if nobody is
between you. Whoever is does not pass that on: both of you have to say it
(/differ, or D).

Words that differ while the 60 digits are the same were misheard, or somebody
has stolen the secret keys of both. Compare words once more; if they differ
again, both make new keys.

If somebody has a new key (the one before is refused from then on):
  securechat peers replace bob KEY  asks for what bob reads out to you

If a key was lost or stolen:
  securechat peers revoke bob       refused for ever, also in a running chat
  securechat peers remove bob       forget it; it may be added again

With --stealth, listen answers nobody who is not a peer, not even to refuse.
";

const DIAGNOSIS: &str = "\
DIAGNOSIS

  securechat doctor                  this machine: files, terminal, clock, UDP
  securechat doctor HOST:PORT        the name, the way there, what is reported
  securechat doctor --peer NAME      and whether NAME answers, with your key
  securechat ping NAME               round trips and losses, until Ctrl+C

doctor changes nothing, unless it calls one of your peers (with --peer, or at an
address that is saved for one): that is a connection as ping makes it, and what
waits for that peer is sent. Each thing has one line: ok, warn (it works, but
you should know), FAIL, or skipped; below it stands what to do.

BEHIND A ROUTER
Nobody outside can call the private address that a router (NAT) gives to this
machine, until it has sent something out. One of these is enough:
  One of you forwards UDP port 7419 of the router to the machine (doctor shows
  its address), and the other one calls the public address of that router.
  Both save where the other is, and both run securechat, which goes on calling
  from port 7419:   securechat peers add NAME KEY --address PUBLIC:7419
  Or both run:      securechat connect NAME --retry --bind '[::]:7419'
  In one house use the private addresses.
Your public address is what the other one's status shows once you have been
connected, or what your router says. A router that gives each call a port of its
own (symmetric) needs a forwarded port on the other side. connect without
--bind, and send, leave from any port: to a router they are strangers.

A full screen that was killed (kill -9) could not give the terminal back. Type
reset and Enter, though it does not show.

What there may be in place of an answer:
  a closed port (SC07)        the machine, or something on the way, reports it:
                              nobody seems to listen there
  no way there (SC06)         this machine has no network that leads there, or
                              a router or a firewall says that nothing gets on
  silence (SC06)              nobody there, a firewall, or somebody who stays
                              silent: without the key that you expect, or since
                              yours is revoked there, or unknown (--stealth), or
                              words that you compared differed
  no answer that opens (SC06) perhaps one of you has another shared secret (psk)
                              saved, or none. Compare it by another way, and do
                              not do without: answers can be altered on the way
  refused (SC10)              NAME is there, and does not know your key, or its
                              user has said no

  --log FILE -v           what the protocol decides; no text, no names, above
                          -vv no addresses and nothing of a key
  --log-level LEVEL       how much that is: error, warn, info, debug (as -v),
                          trace (as -vv)
  doctor --bundle FILE    a report for others: versions, outcomes, settings (of
                          names, addresses and commands only whether they are
                          set); no keys, names, addresses
  --trace FILE            every datagram, for Wireshark: addresses, sizes, times
                          and what was decided; nothing readable. Only of
                          commands that talk
  --trace-keys FILE       with --trace: the keys to it. Whoever has both files
                          reads what was said. docs/wireshark says what to do
";

const EXIT_CODES: &str = "\
EXIT CODES

    0  done
    1  another error that you can mend: a bad file, a name that is taken
    2  wrong usage, or an answer was needed under --no-input
    3  network: name not found, no answer, port closed
    4  trust: a key that is unknown, changed or revoked, or the peer refused
    5  identity: none, wrong passphrase, unsafe permissions
    6  not delivered in time; the message is kept, and sent next time, unless
       the error says that it is given up (with --json: `kept` is 0), such as
       when too many wait. Or a line of a pipe was refused (`not sent: `, and
       why); it is not kept
    7  the peer speaks an incompatible version
    8  local storage: disk full, read-only, damaged, or in use elsewhere
   70  a bug in securechat
  129  the terminal was closed, or can be read no more (SIGHUP), after a
       goodbye
  130  stopped by Ctrl+C (SIGINT), after a goodbye
  143  stopped by SIGTERM, after a goodbye

They never change their meaning; more may be added.
";

const FILES: &str = "\
FILES

  identity.key   your secret key; only you may read it       (0600)
  identity.pub   your public key, for others                 (0644)
  known-peers    one line for each of your peers             (0600)
  config.toml    your settings, if you make it: help config  (0600 or 0644)
  *.history.redb what waits, and what was perhaps not shown  (0600)
  *.timestamps   which times handshakes have used up         (0600)
  ctl.sock       how your other programs reach a running one (0600)

                 Linux, macOS                         environment
  identity.*     ~/.local/share/securechat/           XDG_DATA_HOME
  *.history.redb ~/.local/share/securechat/           XDG_DATA_HOME
  known-peers,   ~/.config/securechat/                XDG_CONFIG_HOME
  config.toml
  locks,         ~/.local/state/securechat/           XDG_STATE_HOME
  *.timestamps
  ctl.sock       /run/user/UID/securechat/            XDG_RUNTIME_DIR
                 (where that is missing: ~/.local/state/securechat/run/)

                 Windows
  identity.*     %APPDATA%\\securechat\\
  *.history.redb %APPDATA%\\securechat\\
  known-peers,   %APPDATA%\\securechat\\
  config.toml
  locks,         %LOCALAPPDATA%\\securechat\\
  *.timestamps

On Windows files have no such modes, and who else may read them is not checked:
they get the access list of the directory they are in.

--home DIR (or SECURECHAT_HOME) puts all of them into one directory. -i FILE (or
SECURECHAT_IDENTITY) names another secret key. The flag wins over the
environment. keygen --force keeps the key before as identity.key.old; where
identity.key is a link, both lie where it leads. Messages stay with their key:
-i and the path that keygen said send what waits under the former one, and read
the rest.

Messages are sealed: without your secret key the file says how many there are
and how long, not what or with whom. Deleted ones are not wiped from the drive.
If the file is damaged nothing starts (SC19), and it stays as it is. End what
runs before you move or replace it: what has it open then ends anyway (SC18).

What --log writes grows without end. logrotate can empty it (copytruncate):
what runs goes on at its beginning.

A line of known-peers is
  NAME KEY [option=value ...]
  @revoked KEY [reason=\"...\"]
Lines that begin with # are yours. They and options of later versions are kept
when a command changes the file; the version before is kept as known-peers.bak.
Nothing goes on while a line is not understood (SC22). If that line begins with
@, mend it: with a # in front of it the key that it revokes would be trusted.
A list without a byte in it is none, and none is begun anew beside the version
before (SC22): bring that back, or delete it.
Whatever runs takes up a change within two seconds. A send or a ping ends if it
was to somebody who is revoked or removed; what waited is given up.
";

const CONFIG: &str = "\
CONFIG

config.toml holds what you would say with every command. It is not made for you;
everything in it is optional, and a flag wins over it. All there is to settle:

  [bind]
  \"f2\" = \"go\"             what a key does on the full screen: /keys there has
                          the names, and \"none\" takes a meaning away
  [chat]
  nickname = \"alice\"      what we suggest others call us    (--nickname)
  read_receipts = false   always: nobody is told that you looked at a message
  receipts = true         always: the sender is told that it is kept and shown
  typing = false          always: nobody is told that you type

  [history]
  keep = \"30d\"            which messages stay once they are over: \"off\" (the
                          rule), \"session\" (in memory, till the program ends),
                          or on the disk: \"30d\", \"forever\"
  [keys]
  passphrase_command = [\"secret-tool\", \"lookup\", \"app\", \"securechat\"]
                          prints the passphrase of your identity; a program and
                          its arguments, without a shell
  [net]
  keepalive = \"25s\"       send something so often, to hold a NAT or a firewall
                          open: \"auto\" (the rule: 20 to 25 s where packets
                          leave from a private IPv4 address to a public one),
                          \"off\", or 5s to 1h (to everybody; set it behind a
                          firewall for IPv6, which cannot be seen)
  listen = \"[::]:7419\"    where to listen                   (listen ADDR)
  save_addresses = true   whether the address of connect NAME HOST:PORT is kept
                          with NAME, once NAME has answered there
  trust = \"strict\"        callers with an unknown key: \"ask\" (the rule; strict
                          without a terminal and for daemon) or \"strict\"
                          (--trust)
  [notify]
  bell = true             whether a message that nobody sees rings the bell: the
                          rule on the full screen; in lines each message does,
                          and only if this is said
  command = [\"blink\"]     a program that is run for it, without a shell ([] is
                          none); what desktop allows comes on its standard input
                          (in lines on a terminal: for each message)
  desktop = \"sender\"      what the terminal and the command may be told:
                          \"off\" (the rule), \"sender\", \"full\"
  terminal = \"osc777\"     by which sequence: \"auto\" (the rule), \"osc9\",
                          \"osc777\", \"osc99\"
  [ui]
  ascii = true            nothing but ASCII around the text (--ascii): the rule
                          in Chinese, Japanese and Korean locales
  mode = \"plain\"          \"auto\" (the rule: the full screen on a terminal, else
                          lines), \"tui\" (the full screen, or an error),
                          \"plain\": lines                  (--plain)
  mouse = true            begin with the mouse on
  theme = \"mono\"          no colours; \"terminal\" (the rule): its own

Linux, macOS: ~/.config/securechat/config.toml, or below XDG_CONFIG_HOME
Windows: %APPDATA%\\securechat\\config.toml
With --home DIR or SECURECHAT_HOME: DIR/config.toml

The form is TOML. A section or a key that does not exist is an error, and so is
a value that is not allowed: no setting is passed over. A file that others can
change is refused, since it names a command that is run. passphrase_command is
for your own identity, not for a key that -i or FILE names. Other users of this
machine can see it while it runs: the passphrase must not stand in it.
";

const ACCESSIBILITY: &str = "\
ACCESSIBILITY

With --plain every line is printed once, below the one before: nothing is
redrawn, nothing moves, states are words and not symbols or colours. It is also
the rule without a terminal, with TERM=dumb, and with ACCESSIBLE=1; and for good
with mode = \"plain\" below [ui] in config.toml (help config). Everything that can
be done on the full screen can be done in lines, but for what is about the
screen itself: of each such command lines say why. A message rings the bell
there if [notify] says bell = true; desktop and command count there, too.

A message that comes while you type begins a new line, with the prompt behind
it. What you have typed is not shown there, and still counts:

  Ctrl+R         shows it again
  Ctrl+U         drops it
  /lines         begins a message of several lines: /send ends it

The full screen has a caret where you type, for input methods and magnifiers.
Nothing in it is told by colour alone; with --ascii its own signs are
ASCII. In a locale without UTF-8 all that is written to a terminal is: other
letters show as <U+00E9>. What is typed has to be UTF-8 all the same: the full
screen reads nothing else, and loses such a letter with the key behind it.

  --no-input     never asks; fails and names the flag that was missing
  --color never  no colours (also NO_COLOR=1); no meaning is in a colour alone
  --quiet        errors and data only

Data goes to standard output and everything else to standard error. Every error
is one line with a code such as SC06, then the cause, then what to try.
";

const JSON: &str = "\
JSON

With --json data is JSON, one object a line, safe to print and exact.

  securechat peers list --json      also peers show, key show, key fingerprint,
                                    history show, history search,
                                    history export, keygen, pubkey, status,
                                    send, ping, doctor
  securechat listen --json          events on standard output, requests from
  securechat connect bob --json     standard input:
    {\"cmd\":\"send\",\"id\":1,\"peer\":\"bob\",\"text\":\"hi\"}
    {\"cmd\":\"quit\"}

A running program answers others of yours through its control socket; send,
ping, status, history and peers use it by themselves.

  securechat daemon                 runs without a terminal
  securechat status                 who is connected, and why somebody is not

The socket speaks JSON-RPC 2.0, a line each:
  $XDG_RUNTIME_DIR/securechat/ctl.sock, or DIR/run/ctl.sock with --home DIR

docs/json.md has all events and requests, docs/examples/echo.py is a bot.
";

const SECURITY: &str = "\
SECURITY

What is protected
  What you write, and who writes, on the way: it can be read and changed by
  nobody but the holder of the key that you named, today, with a key stolen
  later, and with a quantum computer later still.
  What is kept on your disk: messages that wait lie in a sealed file.
  Your machine against strangers: a datagram from somebody who does not know
  your public key gets no answer.

What is not
  That you talk, when, how much, and between which addresses.
  A machine that somebody else controls: then your key is his.
  The first contact, if the key came over a channel that can be tampered with.
  Compare: help trust says how.

The secret key file is protected by your passphrase (argon2id). Core dumps and
debuggers are refused in release builds. No secret is ever taken from the
command line or the environment, because other users can see those.
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::config_keys;

    #[test]
    fn every_exit_code_is_explained() {
        let codes = include_str!("exit.rs").lines();
        let codes: Vec<&str> = codes
            .filter_map(|line| line.split_once(" = ")?.1.strip_suffix(','))
            .collect();
        assert_eq!(codes.first(), Some(&"0"));
        for code in codes {
            assert!(EXIT_CODES.contains(&format!("\n{code:>5}  ")), "{code}");
        }
    }

    #[test]
    fn every_command_that_prints_json_is_named() {
        let documented = include_str!("../../docs/json.md");
        let (_, list) = documented.split_once("print it as JSON: ").unwrap();
        let (list, _) = list.split_once("; ").unwrap();
        let documented = list.split(',').flat_map(|it| {
            // `history show|search` is two.
            let command = it.trim().trim_matches('`');
            let (first, last) = command.rsplit_once(' ').unwrap_or(("", command));
            last.split('|').map(move |it| format!("{first} {it}"))
        });
        let mut documented: Vec<String> = documented.map(|it| it.trim().to_owned()).collect();
        documented.push("send".to_owned());
        let (_, named) = JSON.split_once("  securechat ").unwrap();
        let (named, _) = named.split_once("  securechat ").unwrap();
        let named = named.replace("--json      also", ",");
        let named = named.split(',').map(str::split_whitespace);
        let mut named: Vec<String> = named.map(|it| it.collect::<Vec<_>>().join(" ")).collect();
        documented.sort();
        named.sort();
        assert_eq!(named, documented);
    }

    #[test]
    fn everything_that_can_be_settled_is_explained() {
        for (section, key) in config_keys() {
            assert!(CONFIG.contains(&format!("\n  [{section}]\n")), "{section}");
            assert!(CONFIG.contains(&format!("\n  {key} = ")), "{key}");
        }
    }
}
