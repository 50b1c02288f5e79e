//! Sockets that have a path: on Unix. Elsewhere there are none here.

#[cfg(unix)]
pub use self::unix::Place;
#[cfg(unix)]
pub(super) use self::unix::{FileId, Listener, Stream, Waker, max_descriptors};

#[cfg(not(unix))]
pub use self::none::Place;
#[cfg(not(unix))]
pub(super) use self::none::{FileId, Listener, Stream, Waker, max_descriptors};

#[cfg(not(unix))]
mod none;

/// What is in the place of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// Whether it is a socket.
    pub is_socket: bool,
    /// Its permission bits.
    pub mode: u32,
}

/// Whether this system has control sockets.
pub const IS_SUPPORTED: bool = cfg!(unix);

#[cfg(unix)]
mod unix {
    use std::fs::{self, Permissions};
    use std::io;
    use std::net::Shutdown;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::{Path, PathBuf};
    use std::sync::Arc;
    use std::time::Duration;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::retry_on_intr;
    use rustix::process::{Resource, getrlimit};

    use super::Inspected;
    #[cfg(target_os = "linux")]
    use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
    #[cfg(target_os = "linux")]
    use rustix::process::{Uid, geteuid};

    /// Bytes of the longest path that the address of a socket has room for.
    const PATH_MAX_LEN: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

    /// Where a control socket is, or may be. Its directory must be for its owner alone.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Place(PathBuf);

    /// Which file it is: device and inode. Nothing else gets these while its socket is open.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(in crate::control) struct FileId(u64, u64);

    /// How many descriptors this process may have; none if there is no limit.
    pub(in crate::control) fn max_descriptors() -> Option<u64> {
        getrlimit(Resource::Nofile).current
    }

    /// One end of a connection: one descriptor, whoever shares it.
    #[derive(Debug)]
    pub(in crate::control) struct Stream(Arc<UnixStream>);

    /// A socket that takes connections. Its file goes with it.
    #[derive(Debug)]
    pub(in crate::control) struct Listener {
        socket: UnixListener,
        place: Place,
        file: FileId,
        /// Has something to read once the waker is gone.
        woken: UnixStream,
    }

    /// Ends the wait of a [`Listener`].
    #[derive(Debug)]
    pub(in crate::control) struct Waker(UnixStream);

    impl Waker {
        pub(in crate::control) fn wake(self) {
            drop(self.0);
        }
    }

    impl Place {
        /// Checks that a socket can have this path.
        ///
        /// # Errors
        /// `InvalidFilename` if it is too long.
        pub fn new(path: PathBuf) -> io::Result<Self> {
            let len = path.as_os_str().as_bytes().len();
            if len > PATH_MAX_LEN {
                let words = format!(
                    "the path has {len} bytes, and a socket's has {PATH_MAX_LEN} at most; use a shorter --home"
                );
                return Err(io::Error::new(io::ErrorKind::InvalidFilename, words));
            }
            Ok(Self(path))
        }

        /// The path.
        #[must_use]
        pub fn path(&self) -> &Path {
            &self.0
        }

        /// What is there, whether or not anybody serves it; none if nothing is.
        ///
        /// # Errors
        /// What the system says.
        pub fn inspect(&self) -> io::Result<Option<Inspected>> {
            match fs::symlink_metadata(&self.0) {
                Ok(metadata) => Ok(Some(Inspected {
                    is_socket: metadata.file_type().is_socket(),
                    mode: metadata.permissions().mode() & 0o7777,
                })),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            }
        }

        /// Connects to whoever serves it, which must be a process of this user. Only Linux tells whose it is: elsewhere the
        /// caller has checked the directory. `WouldBlock` if nobody was taken there for so long, and no more can wait.
        pub(in crate::control) fn connect(&self, patience: Duration) -> io::Result<Stream> {
            let stream = Stream(self.connected(patience)?.into());
            stream.check_user()?;
            Ok(stream)
        }

        /// Where more wait already than can, Linux has whoever comes wait for as long as writing may take.
        #[cfg(target_os = "linux")]
        fn connected(&self, patience: Duration) -> io::Result<UnixStream> {
            use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
            use rustix::net::{connect, socket_with};
            let (family, kind) = (AddressFamily::UNIX, SocketType::STREAM);
            let socket = socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
            let stream = UnixStream::from(socket);
            stream.set_write_timeout(Some(patience))?;
            let address = SocketAddrUnix::new(&self.0)?;
            retry_on_intr(|| connect(&stream, &address))?;
            Ok(stream)
        }

        /// Others refuse whoever comes then.
        #[cfg(not(target_os = "linux"))]
        fn connected(&self, _: Duration) -> io::Result<UnixStream> {
            UnixStream::connect(&self.0)
        }

        /// Takes the place. A file that nobody serves any more is replaced; the caller holds the identity's
        /// lock, so that nobody else of this identity is about to.
        pub(in crate::control) fn listen(self) -> io::Result<(Listener, Waker)> {
            let socket = match UnixListener::bind(&self.0) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    self.remove_stale()?;
                    UnixListener::bind(&self.0)?
                }
                bound => bound?,
            };
            self.listen_on(socket)
        }

        /// As [`Place::listen`], where the file is gone: one that is there is left alone.
        pub(in crate::control) fn listen_anew(self) -> io::Result<(Listener, Waker)> {
            let socket = UnixListener::bind(&self.0)?;
            self.listen_on(socket)
        }

        fn listen_on(self, socket: UnixListener) -> io::Result<(Listener, Waker)> {
            let path = self.0.clone();
            let listening = self.serve(socket);
            if listening.is_err() {
                // It would be taken for another's from then on.
                let _ = fs::remove_file(path);
            }
            listening
        }

        fn serve(self, socket: UnixListener) -> io::Result<(Listener, Waker)> {
            fs::set_permissions(&self.0, Permissions::from_mode(0o600))?;
            // One that does not wait: whoever came may have left before it is taken.
            socket.set_nonblocking(true)?;
            let (woken, waker) = UnixStream::pair()?;
            let listener = Listener {
                socket,
                file: self.file()?,
                place: self,
                woken,
            };
            Ok((listener, Waker(waker)))
        }

        /// The file that is there. `NotFound` if there is none.
        pub(in crate::control) fn file(&self) -> io::Result<FileId> {
            let metadata = fs::symlink_metadata(&self.0)?;
            Ok(FileId(metadata.dev(), metadata.ino()))
        }

        fn remove_stale(&self) -> io::Result<()> {
            match UnixStream::connect(&self.0) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    if fs::symlink_metadata(&self.0)?.file_type().is_socket() {
                        return fs::remove_file(&self.0);
                    }
                    let words = "a file that is no socket is in its place";
                    Err(io::Error::new(io::ErrorKind::AlreadyExists, words))
                }
                Err(error) => Err(error),
                Ok(_) => Err(io::Error::new(
                    io::ErrorKind::AddrInUse,
                    "another securechat serves it, with another identity",
                )),
            }
        }
    }

    impl Listener {
        /// Its file, while nobody removes it.
        pub(in crate::control) const fn file(&self) -> FileId {
            self.file
        }

        /// Takes a connection. `WouldBlock` if there is none.
        pub(in crate::control) fn accept(&self) -> io::Result<Stream> {
            let (stream, _) = self.socket.accept()?;
            // Some systems hand that on.
            stream.set_nonblocking(false)?;
            Ok(Stream(stream.into()))
        }

        /// Waits until somebody comes; false if the waker is gone.
        pub(in crate::control) fn waits(&self) -> bool {
            let [socket, woken] = [PollFd::new(&self.socket, PollFlags::IN), self.poll_woken()];
            let mut both = [socket, woken];
            // A signal ends the wait without anybody having come; whatever else fails is met by what follows.
            let _ = poll(&mut both, None);
            let [_, woken] = both;
            woken.revents().is_empty()
        }

        /// Lets time pass, unless the waker goes.
        pub(in crate::control) fn pause(&self, time: Duration) {
            let time = Timespec::try_from(time).ok();
            let _ = poll(&mut [self.poll_woken()], time.as_ref());
        }

        fn poll_woken(&self) -> PollFd<'_> {
            PollFd::new(&self.woken, PollFlags::IN)
        }
    }

    impl Drop for Listener {
        fn drop(&mut self) {
            // Somebody may have removed it, and somebody else have taken the place. A file that stays is replaced
            // next time.
            if self.place.file().is_ok_and(|file| file == self.file) {
                let _ = fs::remove_file(&self.place.0);
            }
        }
    }

    impl Stream {
        /// Checks that the other end is a process of this user. The directory keeps others out already.
        #[cfg(target_os = "linux")]
        pub(in crate::control) fn check_user(&self) -> io::Result<()> {
            let other = getsockopt(&*self.0, PeerCredentials)?;
            check_uid(Uid::from_raw(other.uid()), geteuid())
        }

        /// The directory keeps other users out.
        #[cfg(not(target_os = "linux"))]
        pub(in crate::control) fn check_user(&self) -> io::Result<()> {
            Ok(())
        }

        /// The same end, for another thread.
        pub(in crate::control) fn share(&self) -> Self {
            Self(Arc::clone(&self.0))
        }

        /// Ends it for both ends.
        pub(in crate::control) fn shut_down(&self) {
            // It may have ended already.
            let _ = self.0.shutdown(Shutdown::Both);
        }

        /// Writes nothing more.
        #[cfg(test)]
        pub(in crate::control) fn close_its_half(&self) {
            self.0.shutdown(Shutdown::Write).unwrap();
        }

        /// Waits until there is something to read, or the end; false if `time` is over before.
        pub(in crate::control) fn waits_for_input(&self, time: Option<Duration>) -> bool {
            let time = time.and_then(|time| Timespec::try_from(time).ok());
            let mut input = [PollFd::new(&*self.0, PollFlags::IN)];
            // What fails here is met by whoever reads.
            retry_on_intr(|| poll(&mut input, time.as_ref())) != Ok(0)
        }

        /// Waits until both directions have ended.
        pub(in crate::control) fn wait_for_its_end(&self) {
            // Some systems look for that only where it is asked for.
            let mut ended = [PollFd::new(&*self.0, PollFlags::HUP)];
            // What fails here has ended, too.
            let _ = retry_on_intr(|| poll(&mut ended, None));
        }

        /// Waits no longer than this for what is to be read; none: as long as it takes.
        pub(in crate::control) fn set_patience(
            &self,
            patience: Option<Duration>,
        ) -> io::Result<()> {
            self.0.set_read_timeout(patience)
        }

        /// Writing fails when the other end takes nothing for so long.
        pub(in crate::control) fn set_write_patience(&self, patience: Duration) -> io::Result<()> {
            self.0.set_write_timeout(Some(patience))
        }
    }

    /// Nobody but this user: not even root, who needs no socket.
    #[cfg(target_os = "linux")]
    fn check_uid(other: Uid, own: Uid) -> io::Result<()> {
        if other == own {
            return Ok(());
        }
        let words = "another user of this machine is at the other end";
        Err(io::Error::new(io::ErrorKind::PermissionDenied, words))
    }

    impl io::Read for Stream {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            (&*self.0).read(buffer)
        }
    }

    impl io::Write for Stream {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            (&*self.0).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            (&*self.0).flush()
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        #[cfg(target_os = "linux")]
        use crate::control::Connection;

        #[cfg(target_os = "linux")]
        #[test]
        fn nobody_but_the_same_user_is_talked_to() {
            let [root, one, other] = [0, 1_000, 1_001].map(Uid::from_raw);
            assert!(check_uid(one, one).is_ok() && check_uid(root, root).is_ok());
            for (peer, own) in [(other, one), (one, other), (root, one), (one, root)] {
                let error = check_uid(peer, own).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
            }
        }

        #[test]
        fn what_is_in_the_place_is_told_apart() {
            let home = tempfile::tempdir().unwrap();
            let place = Place::new(home.path().join("ctl.sock")).unwrap();
            assert_eq!(place.inspect().unwrap(), None);
            let listener = place.clone().listen().unwrap();
            let socket = Inspected {
                is_socket: true,
                mode: 0o600,
            };
            assert_eq!(place.inspect().unwrap(), Some(socket));
            drop(listener);
            fs::write(place.path(), "mine").unwrap();
            assert!(!place.inspect().unwrap().unwrap().is_socket);
        }

        #[test]
        fn a_path_that_is_too_long_is_refused_in_words() {
            assert!(Place::new(PathBuf::from("x".repeat(PATH_MAX_LEN))).is_ok());
            let error = Place::new(PathBuf::from("x".repeat(PATH_MAX_LEN + 1))).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidFilename);
            assert!(
                error.to_string().contains("use a shorter --home"),
                "{error}"
            );
        }

        #[test]
        fn the_file_is_the_owners_alone_and_goes_with_the_listener() {
            let home = tempfile::tempdir().unwrap();
            let path = home.path().join("ctl.sock");
            let (listener, _waker) = Place::new(path.clone()).unwrap().listen().unwrap();
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            drop(listener);
            assert!(!path.exists());
        }

        #[test]
        fn what_a_crash_left_is_replaced_and_what_is_served_is_not() {
            let home = tempfile::tempdir().unwrap();
            let place = Place::new(home.path().join("ctl.sock")).unwrap();
            // Dropping a listener of the standard library leaves its file behind, as a crash does.
            drop(UnixListener::bind(place.path()).unwrap());
            // A process that another test is just starting has a copy of it until it runs.
            while UnixStream::connect(place.path()).is_ok() {
                std::thread::yield_now();
            }
            assert!(place.path().exists());
            let (listener, _waker) = place.clone().listen().unwrap();
            assert!(place.connect(Duration::from_secs(60)).is_ok());
            let error = place.clone().listen().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
            assert!(place.path().exists(), "the first one's");
            drop(listener);
        }

        /// Such as one that was stopped.
        #[cfg(target_os = "linux")]
        #[test]
        fn a_program_that_takes_nobody_is_not_waited_for_for_ever() {
            let home = tempfile::tempdir().unwrap();
            let place = Place::new(home.path().join("ctl.sock")).unwrap();
            let listener = UnixListener::bind(place.path()).unwrap();
            rustix::net::listen(&listener, 1).unwrap();
            let brief = Duration::from_millis(10);
            let mut waiting = Vec::new();
            let ask = |mut connection: Connection| {
                let longest = serde_json::Value::from("x".repeat(16 << 20));
                connection.ask_within("send", &longest, brief).unwrap_err()
            };
            let error = loop {
                match Connection::open(&place, brief) {
                    Ok(connection) => waiting.push(connection.unwrap()),
                    Err(error) => break error,
                }
            };
            assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
            let error = ask(waiting.pop().unwrap());
            assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
        }

        #[test]
        fn a_file_that_is_no_socket_is_not_touched() {
            let home = tempfile::tempdir().unwrap();
            let place = Place::new(home.path().join("ctl.sock")).unwrap();
            fs::write(place.path(), "mine").unwrap();
            assert!(place.clone().listen().is_err());
            assert_eq!(fs::read_to_string(place.path()).unwrap(), "mine");
        }
    }
}
