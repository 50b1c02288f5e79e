//! Whether one of those who started this process could let it go on once it has stopped.
//!
//! The system itself stops nobody by SIGTSTP whom nobody would continue (POSIX, "orphaned process group"), but
//! whoever handles the signal is asked no more.

pub(super) use imp::could_continue_us;

#[cfg(any(target_os = "linux", target_os = "android"))]
mod imp {
    use std::fs;

    /// How job control sees a process. A number is zero where what it names is outside of our PID namespace: calls
    /// like getsid() return that too, which rustix forbids itself.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    struct Process {
        parent: i32,
        group: i32,
        session: i32,
    }

    impl Process {
        /// Of `/proc/ID/stat`; `self` is this one.
        fn of(id: &str) -> Option<Self> {
            Self::parse(&fs::read(format!("/proc/{id}/stat")).ok()?)
        }

        /// `PID (NAME) STATE PARENT GROUP SESSION ...`, where a name may hold blanks and parentheses (proc_pid_stat(5)),
        /// and half a letter at its end.
        fn parse(stat: &[u8]) -> Option<Self> {
            let stat = String::from_utf8_lossy(stat);
            let (_, rest) = stat.rsplit_once(") ")?;
            let mut numbers = rest.split(' ').skip(1).map(str::parse);
            let mut next = || numbers.next()?.ok();
            Some(Self {
                parent: next()?,
                group: next()?,
                session: next()?,
            })
        }
    }

    /// Whether somebody is there who could continue this process: an ancestor in its session and in another process
    /// group, as a shell is. Those between are of its own group, and stop with it.
    pub(in crate::net) fn could_continue_us() -> bool {
        Process::of("self").is_some_and(|this| has_shell(this, |id| Process::of(&id.to_string())))
    }

    fn has_shell(this: Process, process: impl Fn(i32) -> Option<Process>) -> bool {
        let mut id = this.parent;
        while let Some(ancestor) = process(id).filter(|above| above.session == this.session) {
            if ancestor.group != this.group {
                return true;
            }
            id = ancestor.parent;
        }
        false
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        /// One of those of a test, by parent, group and session.
        fn process(parent: i32, group: i32, session: i32) -> Process {
            Process {
                parent,
                group,
                session,
            }
        }

        /// What `has_shell` says of the last of some processes, whose numbers are 1, 2, 3 and so on.
        fn says(processes: &[Process]) -> bool {
            let look = |id: i32| {
                processes
                    .get(usize::try_from(id).ok()?.checked_sub(1)?)
                    .copied()
            };
            has_shell(*processes.last().unwrap(), look)
        }

        #[test]
        fn a_shell_is_found_behind_scripts_that_stop_with_us() {
            let shell = process(0, 1, 1);
            assert!(says(&[shell, process(1, 2, 1)]));
            let scripts = [process(1, 2, 1), process(2, 2, 1), process(3, 2, 1)];
            assert!(says(&[&[shell][..], &scripts].concat()));
        }

        #[test]
        fn whoever_leads_the_session_or_is_of_another_continues_nobody() {
            assert!(!says(&[process(0, 1, 1)]));
            assert!(!says(&[process(0, 1, 1), process(1, 2, 2)]));
            let login = process(0, 1, 1);
            let session = [process(1, 2, 2), process(2, 2, 2), process(3, 2, 2)];
            assert!(!says(&[&[login][..], &session].concat()));
        }

        #[test]
        fn a_session_that_began_outside_of_the_namespace_has_the_number_zero() {
            assert!(says(&[process(0, 0, 0), process(1, 2, 0)]));
            assert!(!says(&[process(0, 0, 0), process(1, 0, 0)]));
        }

        #[test]
        fn a_name_may_hold_what_ends_it_and_no_text() {
            let stat = b"7 (a) S 1 2 3\xc3) R 4 5 0 34816 7 4194304 0\n";
            assert_eq!(Process::parse(stat), Some(process(4, 5, 0)));
            assert_eq!(Process::parse(b"7 (a) R 4 5"), None);
            assert!(Process::of("self").is_some());
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod imp {
    use rustix::process::{getpgid, getpgrp, getppid, getsid};

    /// Whether somebody is there who could continue this process: a parent in its session and in another process
    /// group, as a shell is. A parent in the same group may have such a parent itself, unless it leads the session.
    pub(in crate::net) fn could_continue_us() -> bool {
        let Some(parent) = getppid() else {
            return false;
        };
        let session = getsid(Some(parent)).ok();
        let is_ours = session.is_some() && session == getsid(None).ok();
        is_ours && (getpgid(Some(parent)).ok() != Some(getpgrp()) || session != Some(parent))
    }
}
