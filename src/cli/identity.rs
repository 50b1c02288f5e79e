//! `pubkey` and `key`: what there is to know and to change about a secret key.

use std::borrow::Cow;
use std::path::Path;

use serde::Serialize;

use crate::cli::args::{KeyCommand, KeyExportArgs, PasswdArgs, PubkeyArgs, QrArgs};
use crate::cli::json::{self, Versioned};
use crate::cli::{Context, Error, ExitCode, Prompt, input, keygen, qr, streams, unlock, wording};
use crate::crypto::StaticSecret;
use crate::id::PeerId;
use crate::net::os_rng;
use crate::store::{
    self, ErrorKind, KeyFile, KeyOffer, fingerprint, key_text, key_uri, public_path,
};
use crate::text::Safe;

pub(super) fn run(command: &KeyCommand, context: &Context) -> Result<ExitCode, Error> {
    match command {
        KeyCommand::Show(args) => show(args.file.as_deref(), context),
        KeyCommand::Fingerprint(args) => {
            let (key, path) = read(args.file.as_deref(), context)?;
            let public = public(&key, path, context)?;
            if context.globals.json {
                let shown = Versioned::new(Shown::of(&key, &public, None));
                return context
                    .out
                    .data(&json::line(&shown))
                    .map(|()| ExitCode::Done);
            }
            context.out.data(&fingerprint(&public))
        }
        KeyCommand::Qr(args) => qr(args, context),
        KeyCommand::Passwd(args) => passwd(args, context),
        KeyCommand::Export(args) => export(args, context),
    }?;
    Ok(ExitCode::Done)
}

pub(super) fn pubkey(args: &PubkeyArgs, context: &Context) -> Result<ExitCode, Error> {
    let (key, path) = read(args.file.as_deref(), context)?;
    let public = public(&key, path, context)?;
    let text = if args.uri {
        key_uri(&public, None, &[])
    } else {
        key_text(&public)
    };
    if context.globals.json {
        let shown = Versioned::new(Shown::of(&key, &public, None));
        context.out.data(&json::line(&shown))?;
        return Ok(ExitCode::Done);
    }
    context.out.data(&text)?;
    Ok(ExitCode::Done)
}

/// Reads the identity's secret key and opens it, asking for the passphrase if need be.
///
/// # Errors
/// What reading it says, [`Error::WrongPassphrase`], [`Error::NeedsInput`].
pub(super) fn unlock(context: &Context) -> Result<StaticSecret, Error> {
    let path = context.paths.identity();
    let key = load(path, context)?;
    Ok(unlock::unlock(&key, path, context)?.secret)
}

/// Reads a secret key file.
///
/// # Errors
/// What reading it says; as [`Error::Identity`] if it is the user's own.
pub(super) fn load(path: &Path, context: &Context) -> Result<KeyFile, Error> {
    store::load_identity(path).map_err(|error| about(path, error, context))
}

/// What went wrong with a secret key file.
fn about(path: &Path, error: store::Error, context: &Context) -> Error {
    if path == context.paths.identity() {
        Error::Identity(error)
    } else {
        error.into()
    }
}

/// Our public key, without asking for a passphrase if the file tells it.
///
/// # Errors
/// As [`unlock()`].
pub(super) fn own_public(context: &Context) -> Result<PeerId, Error> {
    let (key, path) = read(None, context)?;
    public(&key, path, context)
}

/// Our own public key, without asking for a passphrase; none if there is no identity, or its file does not say.
///
/// # Errors
/// What reading it says.
pub(super) fn public_key(context: &Context) -> Result<Option<PeerId>, Error> {
    let path = context.paths.identity();
    let key = match load(path, context) {
        Err(Error::Identity(error)) if matches!(error.kind(), ErrorKind::NoIdentity) => {
            return Ok(None);
        }
        key => key?,
    };
    if key.is_protected() {
        return Ok(key.public());
    }
    Ok(Some(unlock::open_bare(&key, path)?.public()))
}

/// Makes sure that a key, perhaps of somebody who is `saved` under a name, is not our own.
///
/// # Errors
/// SC30.
pub(super) fn check_not_own(
    key: &PeerId,
    saved: Option<&Safe>,
    context: &Context,
) -> Result<(), Error> {
    if told_public(context) == Some(*key) {
        let saved = saved.cloned();
        return Err(Error::OwnKey { saved });
    }
    Ok(())
}

/// Our own public key, as far as the identity or the file beside it tells it without a passphrase. What is wrong with
/// them is said by whoever needs them.
pub(super) fn told_public(context: &Context) -> Option<PeerId> {
    let by_identity = public_key(context).ok().flatten();
    by_identity.or_else(|| {
        let beside = KeyOffer::read_file(&public_path(context.paths.identity()));
        beside.ok().map(|offer| offer.key)
    })
}

/// Reads the secret key file that was named (`-` is standard input), or the identity.
fn read<'a>(file: Option<&'a Path>, context: &'a Context) -> Result<(KeyFile, &'a Path), Error> {
    let path = file.unwrap_or_else(|| context.paths.identity());
    let key = if path == Path::new("-") {
        KeyFile::parse(input::standard_input()?.as_bytes())?
    } else {
        load(path, context)?
    };
    Ok((key, path))
}

/// The public half: proved where no passphrase is needed, else as the file says it.
fn public(key: &KeyFile, path: &Path, context: &Context) -> Result<PeerId, Error> {
    if !key.is_protected() {
        return Ok(unlock::open_bare(key, path)?.public());
    }
    match key.public() {
        Some(public) => Ok(public),
        None => {
            let unlocked = unlock::unlock(key, path, context)?;
            Ok(unlocked.secret.public())
        }
    }
}

/// A key, as programs are told of it.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<Cow<'a, str>>,
    public_key: Safe,
    fingerprint: Safe,
    uri: Safe,
    protected: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<Safe>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<Safe>,
}

impl<'a> Shown<'a> {
    fn of(key: &KeyFile, public: &PeerId, path: Option<&'a Path>) -> Self {
        Self {
            path: path.map(Path::to_string_lossy),
            public_key: key_text(public),
            fingerprint: fingerprint(public),
            uri: key_uri(public, None, &[]),
            protected: key.is_protected(),
            created: key.created(),
            comment: key.comment(),
        }
    }
}

fn show(file: Option<&Path>, context: &Context) -> Result<(), Error> {
    let (key, path) = read(file, context)?;
    let public = public(&key, path, context)?;
    if context.globals.json {
        let shown = Versioned::new(Shown::of(&key, &public, Some(path)));
        return context.out.data(&json::line(&shown));
    }
    let protection = if key.is_protected() {
        "passphrase"
    } else {
        "none"
    };
    let rows = [
        ("secret key   ", Some(Safe::from(path))),
        ("protection   ", Some(protection.into())),
        ("public key   ", Some(key_text(&public))),
        ("fingerprint  ", Some(fingerprint(&public))),
        ("created      ", key.created()),
        ("comment      ", key.comment()),
    ];
    for (label, value) in rows {
        if let Some(value) = value {
            context.out.data(&(Safe::from(label) + value))?;
        }
    }
    Ok(())
}

fn qr(args: &QrArgs, context: &Context) -> Result<(), Error> {
    let (key, path) = read(args.file.as_deref(), context)?;
    let name = |text| input::name(text, &["key", "qr", "--name", "NAME"]);
    let name = args.name.as_deref().map(name).transpose()?;
    let addresses = input::addresses(&args.address)?;
    let public = public(&key, path, context)?;
    let uri = key_uri(&public, name.as_ref(), &addresses);
    let is_ascii = streams::wants_ascii(&context.globals, &context.config);
    for line in qr::lines(&uri, args.invert, is_ascii)? {
        context.out.data(&line)?;
    }
    context.out.note(&uri);
    Ok(())
}

fn passwd(args: &PasswdArgs, context: &Context) -> Result<(), Error> {
    let path = args.file.as_deref();
    let path = path.unwrap_or_else(|| context.paths.identity());
    let key = load(path, context)?;
    let old = unlock::unlock(&key, path, context)?.passphrase;
    let new = match &args.new_passphrase_file {
        _ if args.no_passphrase => None,
        Some(file) => Some(unlock::from_file(file)?),
        None => {
            let prompt = Prompt::ChangedPassphrase(args.file.clone());
            Some(unlock::ask_new(context, prompt)?)
        }
    };
    let changed = store::change_passphrase(path, old.as_ref(), new.as_ref(), &mut os_rng());
    let other_names = changed.map_err(|error| about(path, error, context))?;
    let words = if new.is_some() {
        " is protected by the new passphrase"
    } else {
        " is no longer protected by a passphrase"
    };
    context.out.note(&(Safe::from(path) + words));
    if new.is_some() {
        tell_copies(old.is_some(), other_names, args.file.as_deref(), context);
    }
    Ok(())
}

/// Says what a new passphrase does not protect.
fn tell_copies(had_one: bool, other_names: u64, file: Option<&Path>, context: &Context) {
    let copies = Safe::from("  copies that were made before (backups, links) ");
    let words = if had_one {
        let anew = context.out.command(&wording::keygen(file, &["--force"]));
        copies + "open with the former one; if somebody knows that, make a new key: " + anew
    } else {
        copies + "are not protected"
    };
    context.out.note(&words);
    if other_names > 0 {
        let is_one = other_names == 1;
        let what = if is_one {
            " other name"
        } else {
            " other names"
        };
        let words = Safe::from("such copies are there: the file had ") + other_names + what;
        context.out.warn(&(words + " (hard links)"));
    }
}

fn export(args: &KeyExportArgs, context: &Context) -> Result<(), Error> {
    let to = args.output.as_path();
    let to_stdout = to == Path::new("-");
    // Before anybody thinks of a passphrase for nothing.
    let in_the_way = |there: &Path| {
        let path = there.to_owned();
        if there == to {
            Error::OutputExists { path }
        } else {
            Error::PublicExists { path }
        }
    };
    let public = public_path(to);
    let mut files = [to, &public].into_iter();
    if let Some(there) = files.find(|path| !to_stdout && path.exists()) {
        return Err(in_the_way(there));
    }
    let path = context.paths.identity();
    let key = load(path, context)?;
    let out = &context.out;
    let old = unlock::unlock(&key, path, context)?.passphrase;
    let new = match &args.new_passphrase_file {
        Some(file) => unlock::from_file(file)?,
        None => unlock::ask_new(context, Prompt::ExportPassphrase)?,
    };
    let copy = key.with_passphrase(old.as_ref(), Some(&new), &mut os_rng())?;
    if to_stdout {
        return out.document(copy.render().as_bytes());
    }
    keygen::create(to, &copy, in_the_way)?;
    keygen::warn_if_open(to, context);
    out.note(
        &(Safe::from("  a copy of the secret key is in ") + to + ", under its own passphrase"),
    );
    out.note(&"  One key on two machines at once loses messages: use it on one.".into());
    Ok(())
}
