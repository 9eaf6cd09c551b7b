//! In which forms a text may come back: those that depend on where in a text it stands are looked for as they would be
//! written, the others by reading each character as what it stands for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::iter::repeat_n;

/// What is shorter is no secret: it would hide half of every text.
pub const SHORTEST: usize = 4;
/// No character has a longer name, in bytes.
const LONGEST: usize = 10;
/// What is this long, in bytes, is also looked for in base64: of a shorter text too little is left there to be known by.
const SHORTEST_IN_BASE64: usize = 8;

/// The text, its lines, and how JSON writes it.
pub fn escapes(text: &str) -> Vec<String> {
    if text.chars().count() < SHORTEST {
        return Vec::new();
    }
    let json = serde_json::Value::from(text).to_string();
    let lines = text.lines().map(str::trim).filter(|line| line.chars().count() >= SHORTEST).map(str::to_owned);
    let mut all: Vec<String> = lines.chain([text.to_owned(), json[1..json.len() - 1].to_owned()]).collect();
    all.sort();
    all.dedup();
    all
}

/// How base64 writes it wherever it stands in what is encoded: the letters that it alone decides.
pub fn in_base64(text: &str) -> Vec<String> {
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

/// A text without a notation or two, and where each byte of it came from.
pub struct Plain {
    /// What it says.
    pub text: String,
    /// Where the character began that a byte is of, and after the last one, where all of it ended.
    begins: Vec<usize>,
}

impl Plain {
    /// Where a stretch of it stood in what it was read from.
    pub fn origin(&self, (start, end): (usize, usize)) -> (usize, usize) {
        (self.begins[start], self.begins[self.text.ceil_char_boundary(end)])
    }

    /// Reads each character as what it stands for in a notation; nothing where all of them stand for themselves.
    fn read(text: &str, notation: Notation) -> Option<Self> {
        let (mut plain, mut at) = (Self { text: String::new(), begins: Vec::new() }, 0);
        while let Some(written) = text[at..].chars().next() {
            let (character, length) = notation(&text[at..]).unwrap_or((written, written.len_utf8()));
            plain.text.push(character);
            plain.begins.extend(repeat_n(at, character.len_utf8()));
            at += length;
        }
        plain.begins.push(at);
        (plain.text != text).then_some(plain)
    }

    /// The same where what it was read from was read from something else.
    fn within(mut self, outer: &Self) -> Self {
        self.begins.iter_mut().for_each(|begin| *begin = outer.begins[*begin]);
        self
    }
}

/// What the characters at the beginning of a text stand for, and how many bytes they are; nothing where the first one stands
/// for itself.
type Notation = fn(&str) -> Option<(char, usize)>;

const NOTATIONS: [Notation; 4] = [in_escapes, in_addresses, in_forms, in_pages];

/// What a text says to those who read it in a notation, and to those who then read that in another: AWS and what lies between
/// quote what they were sent in many ways, and a list of what each of them makes of a secret would always lack one.
pub fn readings(text: &str) -> Vec<Plain> {
    if !text.contains(['\\', '%', '+', '&']) {
        return Vec::new();
    }
    let mut all: Vec<Plain> = NOTATIONS.iter().filter_map(|notation| Plain::read(text, *notation)).collect();
    let again = |once: &Plain, notation: &Notation| Some(Plain::read(&once.text, *notation)?.within(once));
    let twice: Vec<Plain> = all.iter().flat_map(|once| NOTATIONS.iter().filter_map(|notation| again(once, notation))).collect();
    all.extend(twice);
    all
}

/// JSON's escapes (<https://www.rfc-editor.org/rfc/rfc8259#section-7>), and those of programming languages.
fn in_escapes(text: &str) -> Option<(char, usize)> {
    let escaped = text.strip_prefix('\\')?;
    let (kind, rest) = (escaped.chars().next()?, escaped.get(1..).unwrap_or_default());
    let plain = |character| Some((character, 1 + kind.len_utf8()));
    match kind {
        'n' => plain('\n'),
        'r' => plain('\r'),
        't' => plain('\t'),
        'b' => plain('\u{8}'),
        'f' => plain('\u{c}'),
        'u' if rest.starts_with('{') => {
            let digits = until(&rest[1..], b'}')?;
            Some((hexadecimal(digits, digits.len())?, digits.len() + 4))
        }
        'u' => of_units(rest).or_else(|| plain(kind)),
        'x' => hexadecimal(rest, 2).map(|character| (character, 4)).or_else(|| plain(kind)),
        'U' => hexadecimal(rest, 8).map(|character| (character, 10)).or_else(|| plain(kind)),
        _ => plain(kind),
    }
}

/// A character in four digits, or in two halves of four.
fn of_units(digits: &str) -> Option<(char, usize)> {
    let unit = |digits: &str| u16::from_str_radix(digits.get(..4)?, 16).ok();
    let first = unit(digits)?;
    let second = digits.get(4..).and_then(|rest| unit(rest.strip_prefix("\\u")?));
    let read = |units: &[u16]| char::decode_utf16(units.iter().copied()).next()?.ok();
    match read(&[first]) {
        Some(character) => Some((character, 6)),
        None => Some((read(&[first, second?])?, 12)),
    }
}

/// What stands before this end; nothing where it is too much for one character.
fn until(text: &str, end: u8) -> Option<&str> {
    let at = text.bytes().take(LONGEST).position(|byte| byte == end)?;
    text.get(..at)
}

fn hexadecimal(text: &str, digits: usize) -> Option<char> {
    char::from_u32(u32::from_str_radix(text.get(..digits)?, 16).ok()?)
}

/// <https://www.rfc-editor.org/rfc/rfc3986#section-2.1>
fn in_addresses(text: &str) -> Option<(char, usize)> {
    let byte = |at: usize| u8::from_str_radix(text.get(at * 3..at * 3 + 3)?.strip_prefix('%')?, 16).ok();
    let count = match byte(0)? {
        0..0x80 => 1,
        0xc0..0xe0 => 2,
        0xe0..0xf0 => 3,
        _ => 4,
    };
    let bytes: Vec<u8> = (0..count).map_while(byte).collect();
    Some((std::str::from_utf8(&bytes).ok()?.chars().next()?, count * 3))
}

/// Addresses' notation with another one for spaces.
fn in_forms(text: &str) -> Option<(char, usize)> {
    if text.starts_with('+') { Some((' ', 1)) } else { in_addresses(text) }
}

/// Numbers, and the names of what has a meaning in pages; the thousands of other names stay what they are.
fn in_pages(text: &str) -> Option<(char, usize)> {
    let name = until(text.strip_prefix('&')?, b';')?;
    let character = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = name.strip_prefix('#')?;
            let (digits, radix) = number.strip_prefix(['x', 'X']).map_or((number, 10), |digits| (digits, 16));
            char::from_u32(u32::from_str_radix(digits, radix).ok()?)?
        }
    };
    Some((character, name.len() + 2))
}
