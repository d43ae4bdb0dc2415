//! Foreign text made fit to be read: one line or a few, nothing invisible, no surprises in direction.
//!
//! A file of its own because everything that comes from outside passes through it. It escapes nothing:
//! that is each platform's own business.

use super::super::cut::{Unit, cut};

/// Longest text of several lines, in code points. Far above every platform's limit.
pub(in crate::sinks) const BLOCK_MAX: usize = 16 * 1024;

/// Where a word may be broken, which only whoever sets the line can know.
const SOFT_HYPHEN: char = '\u{ad}';

/// Has two characters be written as if they did not meet, and as one.
const JOINERS: [char; 2] = ['\u{200c}', '\u{200d}'];

/// One clean line of at most `most` code points. White space, control characters and characters of no
/// width become single spaces; marks that turn the direction of text, and soft hyphens, are dropped. What joins
/// two characters or keeps them apart, as in a family of emoji or in Persian, stays between those.
pub(in crate::sinks) fn line(text: &str, most: usize) -> String {
    let mut out = String::with_capacity(text.len().min(4 * most));
    let (mut gap, mut joiner) = (false, None);
    for character in text
        .chars()
        .filter(|character| !turns_direction(*character) && *character != SOFT_HYPHEN)
    {
        if JOINERS.contains(&character) {
            joiner = Some(character).filter(|_| !out.is_empty());
            continue;
        }
        if character.is_whitespace() || character.is_control() || has_no_width(character) {
            gap = !out.is_empty();
            continue;
        }
        let joiner = joiner.take();
        if std::mem::take(&mut gap) {
            out.push(' ');
        } else if let Some(joiner) = joiner {
            out.push(joiner);
        }
        out.push(character);
        // One character more than fits is enough to know that it has to be cut.
        if out.len() > 4 * most.saturating_add(1) {
            break;
        }
    }
    cut(&out, most, Unit::CodePoints)
}

/// Clean text that keeps its lines, its tabs and its own spacing.
pub(in crate::sinks) fn block(text: &str) -> String {
    let clean: String = text
        .chars()
        .filter(|character| matches!(character, '\n' | '\t') || !character.is_control())
        .filter(|character| !turns_direction(*character))
        .take(BLOCK_MAX + 1)
        .collect();
    cut(clean.trim(), BLOCK_MAX, Unit::CodePoints)
}

fn turns_direction(character: char) -> bool {
    matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

fn has_no_width(character: char) -> bool {
    matches!(
        character,
        '\u{180e}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_that_reads_as_it_looks() {
        for (text, expected) in [
            ("  Main \r\n Live\0 ", "Main Live"),
            ("a\u{200b}b\u{feff}c", "a b c"),
            ("\u{202e}evil\u{2066}", "evil"),
            ("tab\there\u{2028}there", "tab here there"),
            ("\u{200b}\u{202e}\0", ""),
            ("Prop 50K – Phase 2", "Prop 50K – Phase 2"),
            (
                "👩🏽\u{200d}🚀 می\u{200c}خواهم",
                "👩🏽\u{200d}🚀 می\u{200c}خواهم",
            ),
            (
                "\u{200d}a\u{200d}\u{200c}\u{200d}b\u{200d} \u{200d}c\u{200d}",
                "a\u{200d}b c",
            ),
            ("Take\u{ad}profit", "Takeprofit"),
        ] {
            assert_eq!(line(text, 80), expected, "{text:?}");
        }
        assert_eq!(line(&"x".repeat(1000), 5), "xxxx…");
        assert_eq!(line(&"😀".repeat(1000), 5), "😀😀😀😀…");
    }

    #[test]
    fn a_block_keeps_its_lines() {
        assert_eq!(block(" a\n\n\tb\0\u{202e} \r\n"), "a\n\n\tb");
        assert_eq!(block(&"x".repeat(BLOCK_MAX * 2)).chars().count(), BLOCK_MAX);
    }
}
