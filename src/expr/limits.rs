//! What an expression or template may cost, and the part of it that is checked before parsing.
//!
//! The engine's parser calls itself for some tokens without counting (`not not …`, `- - …`, `else`,
//! `elif`), so a long run of them would overflow the stack. The tokens are counted first.

use minijinja::machinery::{Token, tokenize};
use minijinja::syntax::SyntaxConfig;

use super::mistake::Mistake;

/// Longest source, in bytes.
pub(super) const SOURCE_BYTES_MAX: usize = 16 * 1024;

/// Longest result of a template, in bytes. The longest field of any platform is far shorter.
pub(super) const OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// Work that one run may do: instructions, items visited, and 64 bytes of text each count as one.
/// It lasts for some thousand loop turns and runs out within a few milliseconds.
pub(super) const FUEL: u64 = 200_000;

/// Bytes of text that count as one of these.
pub(super) const BYTES_PER_FUEL: usize = 64;

/// Loops and blocks inside each other while running.
pub(super) const RECURSION_MAX: usize = 64;

/// Nodes of the syntax tree above each other; also the longest chain of one operator.
pub(super) const DEPTH_MAX: usize = 150;

/// Values inside a list or map that an expression builds, at all depths.
pub(super) const BUILT_VALUES_MAX: usize = 10_000;

/// Lists and maps inside each other. JSON itself is read to a depth of 128.
pub(super) const BUILT_DEPTH_MAX: usize = 160;

/// Longest `range`.
pub(super) const RANGE_ITEMS_MAX: usize = 10_000;

const TOKENS_MAX: usize = 4_000;
const BRACKETS_MAX: usize = 32;
const SIGNS_MAX: usize = 16;
const BRANCHES_MAX: usize = 64;

/// Refuses a source that is too long or whose shape would exhaust the stack.
pub(super) fn check(source: &str, is_expression: bool) -> Result<(), Mistake> {
    if source.len() > SOURCE_BYTES_MAX {
        return Err(Mistake::new(format!(
            "this is longer than {SOURCE_BYTES_MAX} bytes"
        )));
    }
    let mut count = Count::default();
    for token in tokenize(source, is_expression, SyntaxConfig::default()) {
        // The parser stops at the same place and says it with the rest of the sentence in view.
        let Ok((token, span)) = token else { break };
        count.take(&token);
        if let Some(what) = count.excess() {
            return Err(Mistake::new(what).at(span));
        }
    }
    Ok(())
}

#[derive(Default)]
struct Count {
    tokens: usize,
    brackets: usize,
    signs: usize,
    branches: usize,
}

impl Count {
    fn take(&mut self, token: &Token<'_>) {
        self.tokens += 1;
        match token {
            Token::BracketOpen | Token::ParenOpen | Token::BraceOpen => self.brackets += 1,
            Token::BracketClose | Token::ParenClose | Token::BraceClose => {
                self.brackets = self.brackets.saturating_sub(1);
            }
            Token::Ident("else" | "elif") => self.branches += 1,
            _ => {}
        }
        match token {
            Token::Minus | Token::Ident("not") => self.signs += 1,
            _ => self.signs = 0,
        }
    }

    fn excess(&self) -> Option<&'static str> {
        if self.tokens > TOKENS_MAX || self.branches > BRANCHES_MAX {
            Some("this is too long")
        } else if self.brackets > BRACKETS_MAX || self.signs > SIGNS_MAX {
            Some("this is nested too deeply")
        } else {
            None
        }
    }
}
