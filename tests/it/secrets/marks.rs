//! What the secrets of these tests contain, and every form in which it could be seen again.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What every secret here contains: in letters alone, and with signs that addresses encode.
pub(super) const HUSH: &str = "hushhush";
pub(super) const HUSH_SIGNS: &str = "hush/+hush";
pub(super) const HUSH_ENCODED: &str = "hush%2F%2Bhush";

/// What every event here contains.
pub(super) const WHISPER: &str = "whisperwhisper";

/// Every form in which a text could be seen again.
pub(super) fn forms(text: &str) -> Vec<String> {
    let mut forms = vec![text.to_owned(), text.replace('/', "\\/")];
    let percent = |byte: u8| match byte.is_ascii_alphanumeric() {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    let encoded: String = text.bytes().map(percent).collect();
    forms.extend([encoded.replace('F', "f").replace('B', "b"), encoded]);
    for before in ["", "-", "--"] {
        // Characters at the edges also depend on what stands beside the text.
        let encoded = STANDARD.encode(format!("{before}{text}"));
        let start = (before.len() * 8).div_ceil(6);
        let end = (before.len() + text.len()) * 8 / 6;
        let inner = &encoded[start..end];
        forms.extend([inner.to_owned(), inner.replace('+', "-").replace('/', "_")]);
    }
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    forms.extend([hex.to_uppercase(), hex]);
    forms
}

/// Fails if one of some texts is in some bytes, in any form, and shows where.
pub(super) fn check_absent(texts: &[&str], place: &str, bytes: &[u8]) {
    let bytes = String::from_utf8_lossy(bytes);
    for form in texts.iter().flat_map(|text| forms(text)) {
        if let Some(at) = bytes.find(&form) {
            let start = bytes.floor_char_boundary(at.saturating_sub(200));
            let end = bytes.ceil_char_boundary(bytes.len().min(at + 100));
            panic!("`{form}` in {place}: …{}…", &bytes[start..end]);
        }
    }
}

pub(super) fn check_hushed(place: &str, bytes: &[u8]) {
    check_absent(&[HUSH, HUSH_SIGNS], place, bytes);
}
