//! The six fields of `cron(…)` and the minutes that they name.

use super::{MINUTE_MS, number};
use jiff::Timestamp;
use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// The years in which EventBridge fires. A year beyond is accepted and never comes: AWS deploys
/// `cron(0 20 * * ? 2500)` although its documentation ends at 2199.
const FIRST_YEAR: i16 = 1970;
const LAST_YEAR: i16 = 2199;

/// The minutes in which a rule fires, in UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    minutes: Numbers,
    hours: Numbers,
    day: Day,
    months: Numbers,
    years: Vec<Item>,
}

/// A set of numbers below 64, a bit for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Numbers(u64);

/// One of the two fields that choose the day; the other is `?`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Day {
    OfMonth(Numbers),
    LastOfMonth,
    /// The weekday nearest to that day, in the same month.
    WeekdayNearest(i8),
    /// Sunday is 1.
    OfWeek(Numbers),
    /// The last such day of the month; Sunday is 1.
    LastOfWeekday(u32),
    /// The n-th such day of the month; Sunday is 1.
    NthOfWeekday(u32, i8),
}

/// `first-last/step` in its general form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Item {
    first: u32,
    last: u32,
    step: u32,
}

/// What a field may hold.
struct Field {
    least: u32,
    most: u32,
    names: &'static [&'static str],
}

const MINUTES: Field = Field { least: 0, most: 59, names: &[] };
const HOURS: Field = Field { least: 0, most: 23, names: &[] };
const DAYS_OF_MONTH: Field = Field { least: 1, most: 31, names: &[] };
const MONTHS_OF_YEAR: Field = Field { least: 1, most: 12, names: &MONTHS };
const DAYS_OF_WEEK: Field = Field { least: 1, most: 7, names: &WEEKDAYS };
const YEARS: Field = Field { least: 0, most: 9999, names: &[] };

impl Cron {
    /// Reads what stands between the parentheses: six fields with one blank between them.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.split(' ').collect();
        let [minutes, hours, day_of_month, month, day_of_week, year] = fields[..] else { return None };
        let day = match (day_of_month, day_of_week) {
            ("?", "?") => return None,
            (day, "?") => Day::of_month(day)?,
            ("?", day) => Day::of_week(day)?,
            _ => return None,
        };
        let (minutes, hours, months) = (MINUTES.numbers(minutes)?, HOURS.numbers(hours)?, MONTHS_OF_YEAR.numbers(month)?);
        Some(Self { minutes, hours, day, months, years: YEARS.items(year)? })
    }

    /// The first full minute later than `after_ms` that the fields name.
    pub(super) fn next_after(&self, after_ms: i64) -> Option<i64> {
        let minute_ms = after_ms.div_euclid(MINUTE_MS).checked_add(1)?.checked_mul(MINUTE_MS)?;
        let earliest = Timestamp::from_millisecond(minute_ms).ok()?.to_zoned(TimeZone::UTC).datetime();
        let earliest = earliest.max(DateTime::new(FIRST_YEAR, 1, 1, 0, 0, 0, 0).ok()?);
        let today = if self.is_on(earliest.date()) { self.time_from(earliest.hour(), earliest.minute()) } else { None };
        let (date, (hour, minute)) = match today {
            Some(time) => (earliest.date(), time),
            None => (self.date_from(earliest.date().tomorrow().ok()?)?, self.time_from(0, 0)?),
        };
        Some(TimeZone::UTC.to_timestamp(date.at(hour, minute, 0, 0)).ok()?.as_millisecond())
    }

    fn is_on(&self, date: Date) -> bool {
        self.has_year(date.year()) && self.months.has(date.month()) && self.day.is_on(date)
    }

    fn has_year(&self, year: i16) -> bool {
        (FIRST_YEAR..=LAST_YEAR).contains(&year) && self.years.iter().any(|item| u32::try_from(year).is_ok_and(|year| item.has(year)))
    }

    /// The first date from there on; leaps over years and months in which there is none.
    fn date_from(&self, mut date: Date) -> Option<Date> {
        while date.year() <= LAST_YEAR {
            date = if !self.has_year(date.year()) {
                Date::new(date.year() + 1, 1, 1).ok()?
            } else if !self.months.has(date.month()) {
                date.first_of_month().checked_add(1.month()).ok()?
            } else if !self.day.is_on(date) {
                date.tomorrow().ok()?
            } else {
                return Some(date);
            };
        }
        None
    }

    /// The first time of a day from there on.
    fn time_from(&self, hour: i8, minute: i8) -> Option<(i8, i8)> {
        let in_this_hour = || (minute..60).find(|minute| self.minutes.has(*minute)).map(|minute| (hour, minute));
        let later = || {
            let hour = (hour + 1..24).find(|hour| self.hours.has(*hour))?;
            (0..60).find(|minute| self.minutes.has(*minute)).map(|minute| (hour, minute))
        };
        if self.hours.has(hour) { in_this_hour().or_else(later) } else { later() }
    }
}

impl Day {
    fn of_month(text: &str) -> Option<Self> {
        if text == "L" {
            return Some(Self::LastOfMonth);
        }
        match text.strip_suffix('W') {
            Some(day) => DAYS_OF_MONTH.value(day).and_then(|day| i8::try_from(day).ok()).map(Self::WeekdayNearest),
            None => DAYS_OF_MONTH.numbers(text).map(Self::OfMonth),
        }
    }

    fn of_week(text: &str) -> Option<Self> {
        if text == "L" {
            // By itself it is the last day of the week.
            return Some(Self::OfWeek(Numbers(1 << 7)));
        }
        if let Some((day, ordinal)) = text.split_once('#') {
            let ordinal = number(ordinal).filter(|ordinal| (1..=5).contains(ordinal))?;
            return Some(Self::NthOfWeekday(DAYS_OF_WEEK.value(day)?, i8::try_from(ordinal).ok()?));
        }
        match text.strip_suffix('L') {
            Some(day) => DAYS_OF_WEEK.value(day).map(Self::LastOfWeekday),
            None => DAYS_OF_WEEK.numbers(text).map(Self::OfWeek),
        }
    }

    fn is_on(&self, date: Date) -> bool {
        match self {
            Self::OfMonth(days) => days.has(date.day()),
            Self::LastOfMonth => date.day() == date.days_in_month(),
            Self::WeekdayNearest(day) => weekday_nearest(date, *day) == Some(date.day()),
            Self::OfWeek(days) => days.has(day_of_week(date)),
            Self::LastOfWeekday(day) => is_day(date, *day) && date.day() > date.days_in_month() - 7,
            Self::NthOfWeekday(day, ordinal) => is_day(date, *day) && (date.day() - 1) / 7 + 1 == *ordinal,
        }
    }
}

/// Sunday is 1.
fn day_of_week(date: Date) -> i8 {
    date.weekday().to_sunday_one_offset()
}

fn is_day(date: Date, day: u32) -> bool {
    u32::try_from(day_of_week(date)) == Ok(day)
}

/// The day from Monday to Friday that is nearest to a day of the date's month without leaving it.
/// None in a month that lacks the day.
fn weekday_nearest(date: Date, day: i8) -> Option<i8> {
    let wanted = Date::new(date.year(), date.month(), day).ok()?;
    Some(match wanted.weekday() {
        Weekday::Saturday if day == 1 => 3,
        Weekday::Saturday => day - 1,
        Weekday::Sunday if day == date.days_in_month() => day - 2,
        Weekday::Sunday => day + 1,
        _ => day,
    })
}

impl Field {
    fn numbers(&self, text: &str) -> Option<Numbers> {
        let items = self.items(text)?;
        let bits = (self.least..=self.most).filter(|number| items.iter().any(|item| item.has(*number)));
        Some(Numbers(bits.fold(0, |bits, number| bits | 1 << number)))
    }

    fn items(&self, text: &str) -> Option<Vec<Item>> {
        text.split(',').map(|item| self.item(item)).collect()
    }

    /// `*`, `a`, `a-b`, each also with `/step`; `a/step` runs from there to the field's end.
    fn item(&self, text: &str) -> Option<Item> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, Some(number(step).filter(|step| (1..=self.most).contains(step))?)),
            None => (text, None),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (self.least, self.most),
            Some((first, last)) => (self.value(first)?, self.value(last)?),
            None if step.is_some() => (self.value(range)?, self.most),
            None => (self.value(range)?, self.value(range)?),
        };
        (first <= last).then_some(Item { first, last, step: step.unwrap_or(1) })
    }

    /// A number in range, or a name.
    fn value(&self, text: &str) -> Option<u32> {
        let by_name = || self.names.iter().position(|name| name.eq_ignore_ascii_case(text)).and_then(|at| u32::try_from(at + 1).ok());
        number(text).or_else(by_name).filter(|value| (self.least..=self.most).contains(value))
    }
}

impl Item {
    fn has(self, number: u32) -> bool {
        (self.first..=self.last).contains(&number) && (number - self.first).is_multiple_of(self.step)
    }
}

impl Numbers {
    fn has(self, number: i8) -> bool {
        u32::try_from(number).is_ok_and(|number| self.0 >> number & 1 == 1)
    }
}
