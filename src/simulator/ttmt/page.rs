//! Pages of a list, newest first, and the cursors between them.
//!
//! Its own file because a cursor is a place in time and not a count: rows that are added later come
//! before it, so they shift no page.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

/// What a list is sorted by.
pub(super) type Key = (Timestamp, String);

/// The key of the last row of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cursor(Key);

impl Cursor {
    /// The text for the client, which is to understand nothing of it.
    pub(super) fn write(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{} {}", self.0.0, self.0.1))
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (time, id) = text.split_once(' ')?;
        Some(Self((time.parse().ok()?, id.to_owned())))
    }
}

/// Which part of a list is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    pub(super) limit: usize,
    pub(super) after: Option<Cursor>,
}

impl Slice {
    /// Cuts a page out of rows in any order, with the cursor to the next one.
    pub(super) fn cut<T>(&self, mut rows: Vec<(Key, T)>) -> (Vec<T>, Option<Cursor>) {
        if let Some(Cursor(last)) = &self.after {
            rows.retain(|(key, _)| key < last);
        }
        rows.sort_by(|(one, _), (other, _)| other.cmp(one));
        let more = rows.len() > self.limit;
        rows.truncate(self.limit);
        let last = rows.last().filter(|_| more);
        let next = last.map(|(key, _)| Cursor(key.clone()));
        (rows.into_iter().map(|(_, row)| row).collect(), next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(second: i64, id: &str) -> Key {
        let time = Timestamp::from_second(second).expect("in range");
        (time, id.to_owned())
    }

    #[test]
    fn a_cursor_reads_what_it_wrote() {
        let cursor = Cursor(key(1_781_164_683, "7c4f 9e12"));
        let text = cursor.write();
        assert!(!text.contains(['=', '+', '/']), "{text}");
        assert_eq!(Cursor::read(&text), Some(cursor));
        for wrong in ["", "MjAyNg", "not a cursor", "2026-06-11T08:00:00Z"] {
            assert_eq!(Cursor::read(wrong), None, "{wrong}");
        }
        assert_eq!(Cursor::read(&format!("{text}=")), None, "never padded");
    }

    #[test]
    fn rows_of_one_moment_are_told_apart_and_later_ones_shift_nothing() {
        let mut rows: Vec<(Key, u32)> = (0..6).map(|id| (key(9, &id.to_string()), id)).collect();
        let mut slice = Slice {
            limit: 2,
            after: None,
        };
        let mut seen = Vec::new();
        loop {
            let (page, next) = slice.cut(rows.clone());
            seen.extend(page);
            rows.push((key(10, &seen.len().to_string()), 99));
            slice.after = next;
            if slice.after.is_none() {
                break;
            }
        }
        assert_eq!(seen, [5, 4, 3, 2, 1, 0]);
    }
}
