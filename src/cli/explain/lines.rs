//! Documents, one a line, from something that may be anything.
//!
//! A file of its own because a line is only kept up to a limit, and the rest of it is read away.

use std::io::{self, BufRead, Read};

use crate::sources::EVENT_BYTES_MAX;

/// Most lines.
pub(super) const LINES_MAX: u64 = 100_000;

/// Why there is no more, or nothing of one line.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The line is too long.
    TooLong,
    /// There are too many.
    TooMany,
    /// It is no document, but the head of a server's answer.
    Head,
    /// Reading fails.
    Unreadable(io::Error),
}

/// Lines that are not blank, each with its number from 1.
pub(super) struct Lines<R> {
    input: R,
    number: u64,
    line_bytes_max: usize,
    lines_max: u64,
    is_over: bool,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn of(input: R) -> Self {
        Self {
            input,
            number: 0,
            line_bytes_max: EVENT_BYTES_MAX,
            lines_max: LINES_MAX,
            is_over: false,
        }
    }

    /// One line without its end; `None` after the last one.
    fn read(&mut self) -> Option<Result<Vec<u8>, Trouble>> {
        let mut line = Vec::new();
        let limit = u64::try_from(self.line_bytes_max + 1).unwrap_or(u64::MAX);
        let read = self.input.by_ref().take(limit).read_until(b'\n', &mut line);
        let complete = match read {
            Ok(0) => return None,
            Ok(_) if line.len() > self.line_bytes_max && !line.ends_with(b"\n") => {
                line.clear();
                self.input.skip_until(b'\n').map(|_| None)
            }
            Ok(_) => Ok(Some(line)),
            Err(error) => Err(error),
        };
        Some(match complete {
            Ok(Some(line)) => Ok(line.trim_ascii().to_vec()),
            Ok(None) => Err(Trouble::TooLong),
            Err(error) => {
                self.is_over = true;
                Err(Trouble::Unreadable(error))
            }
        })
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = (u64, Result<Vec<u8>, Trouble>);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.is_over {
            let line = self.read()?;
            self.number += 1;
            if self.number > self.lines_max {
                self.is_over = true;
                return Some((self.number, Err(Trouble::TooMany)));
            }
            if !line.as_ref().is_ok_and(Vec::is_empty) {
                return Some((self.number, line));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &[u8], line_bytes_max: usize, lines_max: u64) -> Vec<String> {
        let lines = Lines {
            line_bytes_max,
            lines_max,
            ..Lines::of(text)
        };
        let told = lines.map(|(number, line)| match line {
            Ok(line) => format!("{number}:{}", String::from_utf8_lossy(&line)),
            Err(trouble) => format!("{number}:{trouble:?}"),
        });
        told.collect()
    }

    #[test]
    fn blank_lines_count_and_are_skipped_and_long_ones_are_read_away() {
        assert_eq!(told(b"", 9, 9), [""; 0]);
        assert_eq!(told(b"\n\r\n  \n", 9, 9), [""; 0]);
        assert_eq!(told(b"{}\r\n\n [1] \n2", 9, 9), ["1:{}", "3:[1]", "4:2"]);
        assert_eq!(
            told(b"123\n1234\n12345\n1", 3, 9),
            ["1:123", "2:TooLong", "3:TooLong", "4:1"]
        );
        assert_eq!(told(b"1234", 3, 9), ["1:TooLong"]);
        assert_eq!(told(b"1\n2\n3\n4", 9, 2), ["1:1", "2:2", "3:TooMany"]);
    }
}
