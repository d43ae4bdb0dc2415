//! How the place of a value is written: `sinks.phone.topic`, `rules[0].when`, `headers."a.b"`.
//!
//! A file of its own because the file, the environment and every reader must spell a place alike;
//! otherwise a mistake would lose its line, or a secret its mask. It knows nothing of values.

/// The place of an entry of a table. A key that TOML would not allow bare is quoted, so that every
/// place has one spelling and no other place has the same.
pub(super) fn entry(table: &str, key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(is_bare);
    let key = if bare {
        key.to_owned()
    } else {
        format!("\"{}\"", key.replace('\\', r"\\").replace('"', "\\\""))
    };
    join(table, &key)
}

/// The place of an item of a list.
pub(super) fn item(list: &str, index: usize) -> String {
    format!("{list}[{index}]")
}

/// The place of something below a table, written by hand: a key, or a short path such as `tags[1]` or
/// `headers.NAME`, whose name may be any text.
pub(super) fn below(table: &str, path: &str) -> String {
    let written = path
        .bytes()
        .all(|byte| is_bare(byte) || matches!(byte, b'.' | b'[' | b']'));
    if written && !path.is_empty() {
        return join(table, path);
    }
    match path.split_once('.') {
        Some((outer, name)) if !outer.is_empty() && outer.bytes().all(is_bare) => {
            entry(&join(table, outer), name)
        }
        _ => entry(table, path),
    }
}

/// A place, then everything that it lies in, innermost first, without the top of the file.
pub(super) fn outward(path: &str) -> impl Iterator<Item = &str> {
    ends(path).into_iter().rev().map(|end| &path[..end])
}

/// Whether `path` lies inside `outer`.
pub(super) fn is_inside(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer)
        .is_some_and(|rest| rest.starts_with(['.', '[']))
}

/// A place without the numbers of list items, which is the same for all of them.
pub(super) fn without_indices(path: &str) -> String {
    let mut kept = String::with_capacity(path.len());
    let mut start = 0;
    for end in ends(path) {
        let step = &path[start..end];
        if !step.starts_with('[') {
            kept.push_str(step);
        }
        start = end;
    }
    kept
}

/// The offsets at which a step of a path ends.
fn ends(path: &str) -> Vec<usize> {
    let mut ends = Vec::new();
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in path.bytes().enumerate() {
        if quoted {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => quoted = false,
                _ => {}
            }
        } else {
            match byte {
                b'"' => quoted = true,
                b'.' | b'[' if at > 0 => ends.push(at),
                _ => {}
            }
        }
    }
    if !path.is_empty() {
        ends.push(path.len());
    }
    ends
}

fn join(table: &str, step: &str) -> String {
    if table.is_empty() {
        step.to_owned()
    } else {
        format!("{table}.{step}")
    }
}

fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_not_bare_is_quoted() {
        assert_eq!(entry("", "http"), "http");
        assert_eq!(entry("sinks", "phone"), "sinks.phone");
        assert_eq!(entry("headers", "a.b"), r#"headers."a.b""#);
        assert_eq!(entry("headers", r#"a"b\"#), r#"headers."a\"b\\""#);
        assert_eq!(entry("", ""), r#""""#);
    }

    #[test]
    fn a_short_path_by_hand_is_taken_as_it_stands() {
        assert_eq!(below("sinks.a", "tags[1]"), "sinks.a.tags[1]");
        assert_eq!(below("sinks.a", "retry.max"), "sinks.a.retry.max");
        assert_eq!(below("sinks.a", "a b"), r#"sinks.a."a b""#);
    }

    #[test]
    fn leads_from_a_place_to_everything_around_it() {
        let around: Vec<_> = outward(r#"sinks."a.[\"b".tags[1]"#).collect();
        assert_eq!(
            around,
            [
                r#"sinks."a.[\"b".tags[1]"#,
                r#"sinks."a.[\"b".tags"#,
                r#"sinks."a.[\"b""#,
                "sinks"
            ]
        );
        assert_eq!(outward("").count(), 0);
    }

    #[test]
    fn tells_inside_from_a_longer_name() {
        assert!(is_inside("rules[0].to", "rules"));
        assert!(is_inside("sinks.a.b", "sinks.a"));
        assert!(!is_inside("sinks.ab", "sinks.a"));
        assert!(!is_inside("sinks.a", "sinks.a"));
    }

    #[test]
    fn drops_the_numbers_of_list_items() {
        assert_eq!(without_indices("rules[12].hours.zone"), "rules.hours.zone");
        assert_eq!(without_indices(r#"a."[1]"[2]"#), r#"a."[1]""#);
    }
}
