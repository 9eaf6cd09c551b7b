//! Times such as `1h30m`.

/// The milliseconds of `1h30m` and its like; `None` for what is no such time.
pub fn duration_ms(text: &str) -> Option<u64> {
    let (mut total, mut rest) = (0_u64, text);
    while !rest.is_empty() {
        let end = rest.find(|character: char| !character.is_ascii_digit())?;
        let number: u64 = rest[..end].parse().ok()?;
        let unit_ms = match rest[end..].chars().next()? {
            's' => 1_000,
            'm' => 60_000,
            'h' => 3_600_000,
            'd' => 86_400_000,
            'w' => 604_800_000,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(unit_ms)?)?;
        rest = &rest[end + 1..];
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_add_up() {
        assert_eq!(duration_ms("1h30m"), Some(5_400_000));
        for text in ["", "10", "soon", "-5m", "5 m", "99999999999999999999s", "9999999999999999w"] {
            assert_eq!(duration_ms(text), None, "{text}");
        }
    }
}
