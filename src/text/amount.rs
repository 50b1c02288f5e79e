//! Numbers in words, as every face shows them.

use core::time::Duration;

use crate::text::{Safe, safe_line};

/// A short time: `0.4 ms`, `42 ms`, `3.1 s`.
#[must_use]
pub fn span(time: Duration) -> Safe {
    let ms = time.as_secs_f64() * 1_000.0;
    safe_line(&if ms < 10.0 {
        format!("{ms:.1} ms")
    } else if ms < 1_000.0 {
        format!("{ms:.0} ms")
    } else {
        format!("{:.1} s", ms / 1_000.0)
    })
}

/// Minutes and seconds: `1:05`.
#[must_use]
pub fn minutes(time: Duration) -> Safe {
    let seconds = time.as_secs();
    safe_line(&format!("{}:{:02}", seconds / 60, seconds % 60))
}

/// What stands for a message of `len` bytes that is no text.
#[must_use]
pub fn unreadable(len: usize) -> Safe {
    Safe::from("[unreadable message, ") + len + " bytes]"
}

/// `1 message`, `2 messages`.
#[must_use]
pub fn count_messages<N: PartialEq + From<u8>>(number: N) -> Safe
where
    Safe: From<N>,
{
    let is_one = number == N::from(1);
    Safe::from(number) + if is_one { " message" } else { " messages" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_message_is_not_many() {
        assert_eq!(count_messages(1_usize).as_str(), "1 message");
        assert_eq!(
            [0_u64, 2].map(count_messages).map(|it| it.to_string()),
            ["0 messages", "2 messages"]
        );
    }

    #[test]
    fn times_are_short_and_have_their_unit() {
        for (us, shown) in [(412, "0.4 ms"), (42_123, "42 ms"), (3_140_000, "3.1 s")] {
            assert_eq!(span(Duration::from_micros(us)).as_str(), shown);
        }
        assert_eq!(minutes(Duration::from_secs(65)).as_str(), "1:05");
    }
}
