//! Serves the control socket.

use crate::cli::Error;
use crate::cli::control::place;
use crate::cli::talk::conversation::Conversation;
use crate::cli::talk::network::Input;
use crate::control::{IS_SUPPORTED, Server};
use crate::store::{Paths, private_dir};
use crate::text::safe_line;

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
        if let Some(directory) = path.parent() {
            private_dir(directory)?;
        }
        let inputs = self.sender.clone();
        let tell = move |happening| {
            // The conversation may be over.
            let _ = inputs.send(Input::Control(happening));
        };
        let server = Server::start(place(&path)?, tell).map_err(|error| Error::Control {
            path,
            reason: safe_line(&error.to_string()),
        })?;
        self.programs.serve(server);
        Ok(())
    }
}
