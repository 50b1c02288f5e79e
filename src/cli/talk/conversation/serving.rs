//! Serves the control socket.

use std::path::Path;

use crate::cli::Error;
use crate::cli::control::place;
use crate::cli::talk::conversation::Conversation;
use crate::cli::talk::network::Input;
use crate::control::{Happening, IS_SUPPORTED, Server, Whose};
use crate::store::{Paths, private_dir};
use crate::text::{Safe, safe_line};
use crate::time::Instant;

impl Conversation {
    /// Serves the control socket from now on, where there are such.
    ///
    /// # Errors
    /// SC02 if others could use it, SC41.
    pub(in crate::cli::talk) fn serve_programs(&mut self, paths: &Paths) -> Result<(), Error> {
        if !IS_SUPPORTED {
            return Ok(());
        }
        let path = paths.control(&self.own);
        make_directory(&path)?;
        let server = Server::start(place(&path)?, self.teller());
        let server = server.map_err(|error| unusable(&path, &error.to_string()))?;
        self.programs.serve(server);
        if let Some(other) = paths.passed_over() {
            let words = Safe::from("XDG_RUNTIME_DIR is not used, since ") + other;
            self.note(words + " is another user's; the control socket is " + &*path);
        }
        Ok(())
    }

    fn teller(&self) -> impl Fn(Happening) + Send + Sync + Clone + 'static + use<> {
        let inputs = self.sender.clone();
        move |happening| {
            // The conversation may be over.
            let _ = inputs.send(Input::Control(happening));
        }
    }

    /// Forgets programs that have left; serves the socket anew if its file is gone, and tells of one that nobody can
    /// reach.
    pub(super) fn look_at_programs(&mut self, now: Instant) {
        self.programs.forget_gone();
        let tell = self.teller();
        let Some(server) = self.programs.socket_to_look_at(now) else {
            return;
        };
        let served = serve_anew(server, tell);
        let is_news = self.programs.tells_of(served.is_ok());
        match served {
            Ok(Some(words)) => self.note(words),
            Err(error) if is_news => self.complain(&error),
            Ok(None) | Err(_) => {}
        }
    }
}

/// Takes the place of a socket whose file is gone, and says so. One that is there now may be in use by whoever made it.
fn serve_anew(
    server: &mut Server,
    tell: impl Fn(Happening) + Send + Sync + Clone + 'static,
) -> Result<Option<Safe>, Error> {
    let path = server.place().path().to_owned();
    let fail = |error: std::io::Error| unusable(&path, &error.to_string());
    match server.look().map_err(fail)? {
        Whose::Ours => Ok(None),
        Whose::Anothers => Err(unusable(&path, "another file is in the place of its own")),
        Whose::Nobodys => {
            make_directory(&path)?;
            server.listen_anew(tell).map_err(fail)?;
            let words = Safe::from("the control socket was gone, and is there again: ");
            Ok(Some(words + path.as_path()))
        }
    }
}

fn make_directory(path: &Path) -> Result<(), Error> {
    if let Some(directory) = path.parent() {
        private_dir(directory)?;
    }
    Ok(())
}

fn unusable(path: &Path, why: &str) -> Error {
    Error::Control {
        path: path.to_owned(),
        reason: safe_line(why),
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;
    use crate::cli::talk::conversation::Typist;
    use crate::cli::talk::goal::Goal;
    use crate::cli::talk::profile::tests::{context, conversation};
    use crate::control::{Client, Connection};

    /// A conversation that serves its socket, and a program that listens to it.
    fn serving(home: &Path) -> (Conversation, Client) {
        let context = context(home);
        let goal = Goal::Listen { once: None };
        let mut talk = conversation(&context, Typist::Nobody, goal);
        talk.serve_programs(&context.paths).unwrap();
        let program = Client::unserved();
        talk.programs.subscribe(program.clone(), false);
        (talk, program)
    }

    /// What is told while it is looked at the socket for a minute, from this second on.
    fn looked(talk: &mut Conversation, program: &Client, second: u64) -> Vec<String> {
        for step in 0..120 {
            let time = Duration::from_secs(second) + Duration::from_millis(500 * step);
            talk.look_at_programs(talk.clock.now() + time);
        }
        let told = core::iter::from_fn(|| program.write_next());
        told.map(|line| line.to_string()).collect()
    }

    #[test]
    fn a_file_of_others_is_told_of_once_and_left_and_the_socket_is_there_once_it_is_gone() {
        let home = tempfile::tempdir().unwrap();
        let (mut talk, program) = serving(home.path());
        let socket = place(&home.path().join("run/ctl.sock")).unwrap();
        let is_served = || {
            let opened = Connection::open(&socket, Duration::from_secs(60));
            opened.is_ok_and(|it| it.is_some())
        };
        assert!(looked(&mut talk, &program, 0).is_empty() && is_served());
        for minute in [1, 3] {
            fs::remove_file(socket.path()).unwrap();
            fs::write(socket.path(), "mine").unwrap();
            let told = looked(&mut talk, &program, 60 * minute);
            assert!(told.len() == 1 && told[0].contains("SC41"), "{told:?}");
            assert_eq!(fs::read_to_string(socket.path()).unwrap(), "mine");
            fs::remove_file(socket.path()).unwrap();
            let told = looked(&mut talk, &program, 60 * (minute + 1));
            assert!(told.is_empty() && is_served(), "{told:?}");
        }
    }

    #[test]
    fn a_program_that_has_left_listens_no_more_though_nothing_happens() {
        let home = tempfile::tempdir().unwrap();
        let (mut talk, program) = serving(home.path());
        talk.look_at_programs(talk.clock.now());
        assert!(talk.has_hearers());
        program.leave();
        talk.look_at_programs(talk.clock.now());
        assert!(!talk.has_hearers());
    }

    #[test]
    fn a_directory_that_others_can_enter_meanwhile_is_refused() {
        use rustix::fs::{Mode, chmod};
        let home = tempfile::tempdir().unwrap();
        let (mut talk, program) = serving(home.path());
        let run = home.path().join("run");
        fs::remove_file(run.join("ctl.sock")).unwrap();
        chmod(&run, Mode::from_raw_mode(0o777)).unwrap();
        let told = looked(&mut talk, &program, 0);
        assert!(told.len() == 1 && told[0].contains("SC02"), "{told:?}");
        assert!(!run.join("ctl.sock").exists());
    }
}
