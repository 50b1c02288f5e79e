//! The `securechat` program: hands its arguments to [`securechat::cli`] and exits with its code.

use std::alloc::System;
use std::io::Write;
use std::panic::PanicHookInfo;
use std::path::Path;
use std::process::ExitCode;

use secmem_proc::Config;

use securechat::net::{LogLine, fail_at_file_limit};
use securechat::{cli, store};

/// Frees are wiped, so that no copy of a secret that a library made outlives it.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<System> = zeroizing_alloc::ZeroAlloc(System);

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(on_panic));
    harden();
    if let Err(error) = fail_at_file_limit() {
        warn(&format!(
            "a limit of a file's size could end this program ({error})"
        ));
    }
    let args: Vec<_> = std::env::args_os().collect();
    cli::run(&args).into()
}

/// Ends the program, whichever thread met the bug. The panic's own message stays unsaid: it could
/// quote a conversation.
fn on_panic(info: &PanicHookInfo<'_>) {
    if store::survives_panic() {
        return;
    }
    let place = info.location().map_or_else(
        || "an unknown place".to_owned(),
        |at| format!("{}:{}", at.file(), at.line()),
    );
    let version = env!("CARGO_PKG_VERSION");
    // Nobody is left to tell when standard error is gone.
    let _ = writeln!(
        std::io::stderr(),
        "error: securechat {version} met a bug of its own at {place} and stopped\n  \
         Please report this line and what you did. It holds nothing of a conversation."
    );
    LogLine::finish();
    std::process::exit(cli::ExitCode::Bug as i32);
}

/// Refuses core dumps and debuggers, which could read secrets. Not in debug builds, which are there
/// to be debugged. Whether a debugger is there already only /proc tells: where there is none, as in an empty root, that is
/// not looked at.
fn harden() {
    if cfg!(debug_assertions) {
        return;
    }
    let mut config = Config::DEFAULT;
    config.set_fs_procfs(Path::new("/proc/self").exists());
    if let Err(error) = config.harden_process() {
        warn(&format!(
            "core dumps and debuggers could not be refused ({error})"
        ));
    }
}

/// Nobody is left to tell when standard error is gone.
fn warn(what: &str) {
    let _ = writeln!(std::io::stderr(), "warning: {what}");
}
