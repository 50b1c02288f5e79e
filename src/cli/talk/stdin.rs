//! Standard input, line by line, on a thread of its own. It waits for a line to be taken before it
//! reads the next but one, so that a long pipe is not held in memory.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::proto::limits::MESSAGE_MAX_LEN;

/// What came from standard input.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) enum Stdin {
    /// A line with its break.
    Line(Vec<u8>),
    /// A line so long that the rest of it was thrown away; its whole length is given, without its
    /// break.
    Overlong(usize),
    /// There is no more.
    End,
}

/// A line longer than this is not kept: it cannot be sent anyway.
const KEPT_LEN: usize = MESSAGE_MAX_LEN + 2;

/// Starts to read. `wake` is called after every line.
///
/// # Errors
/// If the thread cannot be started.
pub(in crate::cli) fn read_lines(wake: impl Fn() + Send + 'static) -> io::Result<Receiver<Stdin>> {
    let (sender, receiver) = sync_channel(1);
    let read = move || {
        forward(&mut io::stdin().lock(), &sender, &wake);
    };
    thread::Builder::new()
        .name("input".to_owned())
        .spawn(read)?;
    Ok(receiver)
}

fn forward(input: &mut impl BufRead, sender: &SyncSender<Stdin>, wake: &impl Fn()) {
    loop {
        let line = next_line(input);
        let is_end = line == Stdin::End;
        if sender.send(line).is_err() {
            return;
        }
        wake();
        if is_end {
            return;
        }
    }
}

/// Reads to the next line break; an unreadable input has ended.
fn next_line(input: &mut impl BufRead) -> Stdin {
    let mut line = Vec::new();
    match input
        .by_ref()
        .take(KEPT_LEN as u64)
        .read_until(b'\n', &mut line)
    {
        Ok(0) | Err(_) => Stdin::End,
        Ok(len) if len == KEPT_LEN && line.last() != Some(&b'\n') => {
            Stdin::Overlong(len + skip_line(input))
        }
        Ok(_) => Stdin::Line(line),
    }
}

/// Throws the rest of a line away; returns its length without the break.
fn skip_line(input: &mut impl BufRead) -> usize {
    let mut skipped = 0;
    while let Ok(buffer) = input.fill_buf() {
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let len = end.unwrap_or(buffer.len());
        input.consume(len + usize::from(end.is_some()));
        skipped += len;
        if end.is_some() || len == 0 {
            break;
        }
    }
    skipped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_one_by_one_and_the_last_needs_no_break() {
        let mut input = io::Cursor::new(b"one\n\ntwo".to_vec());
        let lines: Vec<Stdin> = (0..4).map(|_| next_line(&mut input)).collect();
        let line = |text: &[u8]| Stdin::Line(text.to_vec());
        assert_eq!(
            lines,
            [line(b"one\n"), line(b"\n"), line(b"two"), Stdin::End]
        );
    }

    #[test]
    fn an_endless_line_is_not_kept_and_does_not_become_two() {
        let mut bytes = vec![b'x'; 3 * KEPT_LEN];
        bytes.extend_from_slice(b"\nnext\n");
        let mut input = io::Cursor::new(bytes);
        assert_eq!(next_line(&mut input), Stdin::Overlong(3 * KEPT_LEN));
        assert_eq!(next_line(&mut input), Stdin::Line(b"next\n".to_vec()));
    }
}
