//! Other people's text as it may stand on a terminal.
//!
//! A file of its own because it is pure, and because a label that somebody else chose could otherwise
//! move the cursor, recolour the screen, or turn the direction of a line around.

/// A text in one line, without what no eye sees, without what `hide` hides, and not longer than this
/// many characters. Hidden is what is left after the stripping, so nothing can be smuggled through.
pub(super) fn visible(text: &str, chars_max: usize, hide: impl Fn(&str) -> String) -> String {
    let shown: String = text
        .chars()
        .map(|it| if it.is_whitespace() { ' ' } else { it })
        .filter(|it| !it.is_control() && !is_format(*it))
        .collect();
    let hidden = hide(&shown);
    let words: Vec<&str> = hidden.split_whitespace().collect();
    let line = words.join(" ");
    if line.chars().count() <= chars_max {
        return line;
    }
    let start: String = line.chars().take(chars_max.saturating_sub(1)).collect();
    format!("{start}…")
}

/// Characters that show nothing and change how their neighbours look.
const fn is_format(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_foreign_text_moves_a_terminal_or_repeats_a_secret() {
        let check = |text: &str, shown: &str| {
            let hide = |text: &str| text.replace("hushhush", "…");
            assert_eq!(visible(text, 20, hide), shown, "{text:?}");
        };
        check("Prop 50K – Phase 2 😀", "Prop 50K – Phase 2 😀");
        check("\u{1b}[31mred\u{1b}[0m\u{7}", "[31mred[0m");
        check("\u{9b}2J \u{85}\u{7f}\0", "2J");
        check("two\r\nlines\tand more", "two lines and more");
        check("a\u{202e}b\u{2066}c\u{200b}d\u{feff}", "abcd");
        check("key hush\u{200b}hush\u{1b}", "key …");
        check("x".repeat(20).as_str(), &"x".repeat(20));
        check("ä".repeat(21).as_str(), &format!("{}…", "ä".repeat(19)));
        check(&format!("{}hushhush", "x".repeat(15)), "xxxxxxxxxxxxxxx…");
    }
}
