//! A plain transcription of the stream interpretation of the WHATWG HTML standard, for comparison.
//!
//! It holds the whole body, decodes it at once and follows the standard line by line. The one thing
//! it takes from us is that the last event id outlives a connection, as in browsers.

/// What the standard makes of a body.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Interpretation {
    /// `type|data|last event id` of each event.
    pub(super) events: Vec<String>,
    /// The last event id, if any block has set one.
    pub(super) last_id: Option<String>,
    /// The reconnection time in milliseconds, if the body sets one.
    pub(super) retry: Option<u128>,
}

#[derive(Default)]
struct Buffers {
    data: String,
    kind: String,
    id: Option<String>,
}

/// Interprets a whole body.
pub(super) fn interpret(body: &[u8]) -> Interpretation {
    let text = String::from_utf8_lossy(body);
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    let unified = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines: Vec<&str> = unified.split('\n').collect();
    // What stands behind the last line end is no line yet.
    lines.pop();

    let mut result = Interpretation::default();
    let mut buffers = Buffers::default();
    for line in lines {
        if line.is_empty() {
            dispatch(&mut buffers, &mut result);
        } else if let Some((name, value)) = line.split_once(':') {
            let value = value.strip_prefix(' ').unwrap_or(value);
            field(name, value, &mut buffers, &mut result);
        } else {
            field(line, "", &mut buffers, &mut result);
        }
    }
    result
}

fn field(name: &str, value: &str, buffers: &mut Buffers, result: &mut Interpretation) {
    match name {
        "event" => buffers.kind = value.to_owned(),
        "data" => {
            buffers.data.push_str(value);
            buffers.data.push('\n');
        }
        "id" if !value.contains('\0') => buffers.id = Some(value.to_owned()),
        "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
            result.retry = Some(value.parse().unwrap_or(u128::MAX));
        }
        _ => {}
    }
}

fn dispatch(buffers: &mut Buffers, result: &mut Interpretation) {
    let buffers = std::mem::take(buffers);
    if buffers.id.is_some() {
        result.last_id = buffers.id;
    }
    let Some(data) = buffers.data.strip_suffix('\n') else {
        return;
    };
    let kind = match buffers.kind.as_str() {
        "" => "message",
        kind => kind,
    };
    let id = result.last_id.as_deref().unwrap_or_default();
    result.events.push(format!("{kind}|{data}|{id}"));
}
