//! How events are filed on disk: by group, then by time, then by arrival. So a range of time is a range
//! of keys, whichever streams it takes.

/// The table of the events.
pub const EVENTS: &str = "logs_event";

/// No event is later than this: what twelve hexadecimal digits hold, in the year 10889.
const LATEST_MS: i64 = (1 << 48) - 1;

/// Where an event stands among those of its group; also the place just before that event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The event's time, milliseconds since 1970.
    pub timestamp_ms: i64,
    /// Its arrival; no two events of the cloud share one.
    pub sequence: u64,
}

impl Position {
    /// After all events.
    pub const END: Self = Self { timestamp_ms: LATEST_MS, sequence: u64::MAX };

    /// Before the first event of that millisecond.
    pub fn at(timestamp_ms: i64) -> Self {
        Self { timestamp_ms: timestamp_ms.clamp(0, LATEST_MS), sequence: 0 }
    }

    /// Just after the event that stands here.
    pub fn after(self) -> Self {
        Self { sequence: self.sequence.saturating_add(1), ..self }
    }

    /// As a token shows it.
    pub fn text(self) -> String {
        format!("{:012x}{:016x}", self.timestamp_ms.clamp(0, LATEST_MS), self.sequence)
    }

    /// Reads what [`Position::text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let timestamp_ms = i64::from_str_radix(text.get(..12)?, 16).ok().filter(|_| text.len() == 28)?;
        Some(Self { timestamp_ms, sequence: u64::from_str_radix(text.get(12..)?, 16).ok()? })
    }

    /// The key, within a group's events, before which everything earlier stands.
    pub fn bound(self, group: u32) -> String {
        format!("{group:08x}{}", self.text())
    }

    /// AWS's sort of event id: 56 decimal digits, which sort as the events do.
    pub fn event_id(self) -> String {
        format!("{:020}{:036}", self.timestamp_ms, self.sequence)
    }
}

/// An event's key, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventKey {
    /// The id of its group.
    pub group: u32,
    /// Where it stands in the group.
    pub position: Position,
    /// The id of its stream.
    pub stream: u32,
}

impl EventKey {
    /// The key.
    pub fn text(self) -> String {
        format!("{}{:08x}", self.position.bound(self.group), self.stream)
    }

    /// Reads what [`EventKey::text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let group = u32::from_str_radix(text.get(..8)?, 16).ok()?;
        let position = Position::parse(text.get(8..36)?)?;
        Some(Self { group, position, stream: u32::from_str_radix(text.get(36..)?, 16).ok()? })
    }
}

/// The key after all events of a group.
pub fn end_of(group: u32) -> String {
    format!("{:08x}", group.saturating_add(1))
}

/// An event's record: when it came in, and its message.
pub type Stored = (i64, String);

/// What an event counts for: its message in UTF-8, and 26 bytes.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>
pub fn size_bytes(message: &str) -> u64 {
    message.len() as u64 + OVERHEAD_BYTES
}

/// What each event counts for besides its message.
pub const OVERHEAD_BYTES: u64 = 26;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_by_group_then_time_then_arrival() {
        let key = |group, timestamp_ms, sequence, stream| EventKey { group, position: Position { timestamp_ms, sequence }, stream };
        let keys = [key(1, 5, 9, 7), key(1, 16, 2, 3), key(1, 16, 3, 1), key(2, 0, 1, 1)];
        let texts: Vec<_> = keys.iter().map(|key| key.text()).collect();
        assert!(texts.is_sorted());
        assert_eq!(texts.iter().map(|text| EventKey::parse(text).unwrap()).collect::<Vec<_>>(), keys);
        assert!(keys[1].position.bound(1) <= texts[1] && texts[1] < keys[1].position.after().bound(1));
        assert!(texts[2] < end_of(1) && end_of(1) < texts[3]);
        assert_eq!((EventKey::parse("x"), EventKey::parse("")), (None, None));
        assert_eq!(keys[0].position.event_id().len(), 56);
    }
}
