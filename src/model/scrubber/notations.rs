//! In which forms a text may come back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What is shorter is no secret: it would hide half of every text.
pub const SHORTEST: usize = 4;
/// What is this long, in bytes, is also looked for in base64: of a shorter text too little is left there to be known by.
const SHORTEST_IN_BASE64: usize = 8;
/// What most encoders of addresses leave as it is.
const UNRESERVED_KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The text, its lines, and how JSON and others write it.
pub fn escapes(text: &str) -> Vec<String> {
    if text.chars().count() < SHORTEST {
        return Vec::new();
    }
    let inner = in_json(text);
    let debug = format!("{text:?}");
    let lines = text.lines().map(str::trim).filter(|line| line.chars().count() >= SHORTEST).map(str::to_owned);
    let ascii = in_ascii(&inner).into_iter().flat_map(|ascii| [in_json(&ascii), ascii]);
    let whole = [text.to_owned(), in_json(&inner), debug[1..debug.len() - 1].to_owned()];
    let mut all: Vec<String> = lines.chain(whole).chain(ascii).chain([inner.clone()]).collect();
    all.sort();
    all.dedup();
    all
}

/// How JSON writes it, without the quotes around it.
fn in_json(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    json[1..json.len() - 1].to_owned()
}

/// How JSON without anything but ASCII writes it, with the hexadecimal digits in both cases; nothing where that is the same.
/// <https://www.rfc-editor.org/rfc/rfc8259#section-7>
fn in_ascii(json: &str) -> Vec<String> {
    if json.is_ascii() {
        return Vec::new();
    }
    let written = |hex: &dyn Fn(u16) -> String| {
        let one = |unit: u16| match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() => char::from(byte).to_string(),
            _ => hex(unit),
        };
        json.encode_utf16().map(one).collect::<String>()
    };
    vec![written(&|unit| format!("\\u{unit:04x}")), written(&|unit| format!("\\u{unit:04X}"))]
}

/// How addresses, pages and base64 write it.
pub fn encodings(text: &str) -> Vec<String> {
    if text.chars().count() < SHORTEST {
        return Vec::new();
    }
    in_addresses(text).into_iter().chain(in_html(text)).chain(in_base64(text)).collect()
}

/// How addresses and forms write it.
fn in_addresses(text: &str) -> [String; 3] {
    let percent = utf8_percent_encode(text, UNRESERVED_KEPT).to_string();
    [percent.replace("%20", "+"), utf8_percent_encode(text, NON_ALPHANUMERIC).to_string(), percent]
}

/// How pages write it, with two spellings of each quote.
fn in_html(text: &str) -> [String; 2] {
    let marks = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let with = |double: &str, single: &str| marks.replace('"', double).replace('\'', single);
    [with("&quot;", "&#39;"), with("&#34;", "&#x27;")]
}

/// How base64 writes it wherever it stands in what is encoded: the letters that it alone decides.
fn in_base64(text: &str) -> Vec<String> {
    if text.len() < SHORTEST_IN_BASE64 {
        return Vec::new();
    }
    let at = |before: usize| {
        let encoded = STANDARD_NO_PAD.encode([&[0_u8; 2][..before], text.as_bytes()].concat());
        let (from, to) = ((before * 8).div_ceil(6), (before + text.len()) * 8 / 6);
        encoded[from..to].to_owned()
    };
    (0..3).map(at).flat_map(|encoded| [encoded.replace('+', "-").replace('/', "_"), encoded]).collect()
}
