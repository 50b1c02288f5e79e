//! `keygen`: makes an identity.

use std::borrow::Cow;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::args::KeygenArgs;
use crate::cli::json::{self, Versioned};
use crate::cli::{Context, Error, ExitCode, Prompt, Suggestion, unlock};
use crate::crypto::StaticSecret;
use crate::id::PeerId;
use crate::net::{Clock, os_rng};
use crate::store::{self, ErrorKind, KeyFile, Passphrase, key_text};
use crate::text::{Safe, safe_line};

/// What `--json` tells of a new identity.
#[derive(Serialize)]
struct Made<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    path: Cow<'a, str>,
    public_key: Safe,
    protected: bool,
}

pub(super) fn run(args: &KeygenArgs, context: &Context) -> Result<ExitCode, Error> {
    let path = args.output.as_deref();
    let path = path.unwrap_or_else(|| context.paths.identity());
    let to_stdout = path == Path::new("-");
    // Before anybody thinks of a passphrase for nothing.
    if !to_stdout && !args.force {
        check_free(args, path)?;
    }
    let passphrase = passphrase(args, path, context)?;
    let (key, public) = generate(args, passphrase.as_ref())?;
    if to_stdout {
        print_secret(&key, &public, context)?;
    } else {
        save(args, &key, path, context).map_err(|error| about(args, error))?;
        tell(args, &key, &public, path, context)?;
    }
    Ok(ExitCode::Done)
}

/// # Errors
/// SC22 for a public key file, which no identity is to stand in for; SC21.
fn check_free(args: &KeygenArgs, path: &Path) -> Result<(), Error> {
    store::check_not_public(path)?;
    for path in [path, &store::public_path(path)] {
        if path.exists() {
            return Err(in_the_way(args, path));
        }
    }
    Ok(())
}

/// What is said of a file that is there already. One beside the file that was named may be another key's.
fn in_the_way(args: &KeygenArgs, path: &Path) -> Error {
    let (path, output) = (path.to_owned(), args.output.clone());
    match &output {
        Some(named) if *named != path => Error::PublicExists { path },
        Some(_) | None => Error::Exists { path, output },
    }
}

fn passphrase(
    args: &KeygenArgs,
    path: &Path,
    context: &Context,
) -> Result<Option<Passphrase>, Error> {
    if args.no_passphrase {
        return Ok(None);
    }
    if let Some(passphrase) = unlock::given(path, context)? {
        return Ok(Some(passphrase));
    }
    let prompt = Prompt::NewPassphrase(args.output.clone());
    unlock::ask_new(context, prompt).map(Some)
}

fn generate(
    args: &KeygenArgs,
    passphrase: Option<&Passphrase>,
) -> Result<(KeyFile, PeerId), Error> {
    let mut rng = os_rng();
    let secret = StaticSecret::generate(&mut rng);
    let comment = args.comment.as_deref().unwrap_or_default();
    let created = Clock::new().unix_time();
    let key = KeyFile::new(&secret, created, comment, passphrase, &mut rng)?;
    Ok((key, secret.public()))
}

fn print_secret(key: &KeyFile, public: &PeerId, context: &Context) -> Result<(), Error> {
    if std::io::stdout().is_terminal() {
        let words = "your secret key is now on the screen, and perhaps in its scrollback";
        context.out.warn(&words.into());
    }
    if let Some(words) = printed_open(store::mode_of_output()) {
        context.out.warn(&words);
    }
    context.out.document(key.render().as_bytes())?;
    let public = Safe::from("public key  ") + key_text(public);
    context.out.note(&public);
    Ok(())
}

/// What went wrong with the user's own identity, unless another file was named.
fn about(args: &KeygenArgs, error: Error) -> Error {
    if args.output.is_some() {
        return error;
    }
    let Error::Store(error) = error else {
        return error;
    };
    Error::Identity(error)
}

fn save(args: &KeygenArgs, key: &KeyFile, path: &Path, context: &Context) -> Result<(), Error> {
    if !args.force {
        return create(path, key, |there| in_the_way(args, there));
    }
    if let Some(old) = store::replace_identity(path, key)? {
        let what = if store::is_secret_key(&old) {
            "  the old secret key is kept as "
        } else {
            "  what was there before is kept as "
        };
        context.out.note(&(Safe::from(what) + old.as_path()));
        tell_left_behind(&old, context);
    }
    Ok(())
}

/// Says where the messages of a former key are, which is kept as `old`: no start opens them any more.
fn tell_left_behind(old: &Path, context: &Context) {
    let Some(messages) = messages_of(old, context) else {
        return;
    };
    let words = Safe::from("  its messages, also those that wait, stay in ") + messages.as_path();
    let words = words + ", which needs that key: ";
    let home = context.globals.home.as_deref();
    let home = home.map(|home| ["--home".into(), Safe::from(home)]);
    let identity = ["--identity".into(), Safe::from(old)];
    let show = ["history".into(), "show".into()];
    let args = home.into_iter().chain([identity, show]).flatten();
    context
        .out
        .note(&(words + Suggestion::securechat(args).shell(&[])));
}

/// The file of the messages of a key, if there is one.
fn messages_of(secret: &Path, context: &Context) -> Option<PathBuf> {
    let key = store::load_identity(secret).ok()?;
    let by_itself = || Some(key.open(None).ok()?.public());
    let messages = context.paths.history(&key.public().or_else(by_itself)?);
    messages.exists().then_some(messages)
}

/// Writes a key and its public half; `in_the_way` says what is wrong with a file that is there already.
pub(super) fn create(
    path: &Path,
    key: &KeyFile,
    in_the_way: impl Fn(&Path) -> Error,
) -> Result<(), Error> {
    store::create_identity(path, key).map_err(|error| match (error.kind(), error.path()) {
        (ErrorKind::AlreadyExists, Some(there)) => in_the_way(there),
        _ => error.into(),
    })
}

/// Says if others can get at a secret key that was written just now: the file system gives its files modes of its own,
/// as FAT does.
pub(super) fn warn_if_open(path: &Path, context: &Context) {
    if let Some(words) = open_to_others(path, store::mode_of(path)) {
        context.out.warn(&words);
    }
}

fn open_to_others(path: &Path, mode: Option<u32>) -> Option<Safe> {
    let words = open(path.into(), mode)?;
    Some(words + "; move it to a file system that keeps permissions")
}

/// The same of a file that the shell has made.
fn printed_open(mode: Option<u32>) -> Option<Safe> {
    let words = open("the file that your secret key goes into".into(), mode)?;
    Some(words + "; give it that mode (chmod 600), or use -o FILE, which does")
}

fn open(file: Safe, mode: Option<u32>) -> Option<Safe> {
    let mode = mode.filter(|mode| mode & 0o077 != 0)?;
    let words = Safe::from("the mode of ") + file + " is " + octal(mode);
    Some(
        words
            + " and not 0600: others may be able to get at it, and securechat reads no key from there",
    )
}

fn octal(mode: u32) -> Safe {
    safe_line(&format!("{mode:04o}"))
}

/// What is said of a secret key behind its path, as its mode is by now.
fn standing(mode: Option<u32>, protection: &'static str) -> Safe {
    let mode = mode.map(|mode| octal(mode) + ", ");
    Safe::from("   (") + mode.unwrap_or_default() + protection + ")"
}

fn tell(
    args: &KeygenArgs,
    key: &KeyFile,
    public: &PeerId,
    path: &Path,
    context: &Context,
) -> Result<(), Error> {
    warn_if_open(path, context);
    if context.globals.json {
        let made = Made {
            kind: "identity",
            path: path.to_string_lossy(),
            public_key: key_text(public),
            protected: key.is_protected(),
        };
        return context.out.data(&json::line(&Versioned::new(made)));
    }
    let out = &context.out;
    let protection = if key.is_protected() {
        "protected by a passphrase"
    } else {
        "not protected by a passphrase"
    };
    let standing = standing(store::mode_of(path), protection);
    out.note(&(Safe::from("  secret key  ") + path + standing));
    out.note(&(Safe::from("  public key  ") + key_text(public)));
    out.note(&"  Give the public key to the people you want to talk to.".into());
    out.note(&next(args, path, context));
    Ok(())
}

/// What comes after making an identity.
fn next(args: &KeygenArgs, path: &Path, context: &Context) -> Safe {
    let identity = match &args.output {
        Some(_) => vec!["--identity".into(), Safe::from(path)],
        None => Vec::new(),
    };
    let with = |words: &[&'static str]| {
        let words = words.iter().map(|word| safe_line(word));
        Suggestion::securechat(identity.iter().cloned().chain(words))
    };
    let listen = with(&["listen"]);
    let connect = with(&["connect", "--peer-key", "KEY", "HOST:PORT"]);
    let [listen, connect] = [listen, connect].map(|command| context.out.command(&command));
    Safe::from("  next: ") + listen + "     or     " + connect
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_new_key_is_the_mode_that_it_has() {
        let shown = |mode| standing(mode, "protected by a passphrase").to_string();
        assert_eq!(shown(Some(0o600)), "   (0600, protected by a passphrase)");
        assert_eq!(shown(Some(0o755)), "   (0755, protected by a passphrase)");
        assert_eq!(shown(None), "   (protected by a passphrase)");
    }

    #[test]
    fn a_new_key_that_others_can_get_at_is_warned_about() {
        let path = Path::new("/media/stick/k.key");
        for mode in [None, Some(0o600), Some(0o700), Some(0o400)] {
            assert_eq!(open_to_others(path, mode), None, "{mode:?}");
        }
        for mode in [0o644, 0o755, 0o777, 0o640] {
            let words = open_to_others(path, Some(mode)).unwrap().to_string();
            let is = format!("the mode of /media/stick/k.key is {mode:04o} and not 0600");
            assert!(words.starts_with(&is), "{words}");
        }
    }
}
