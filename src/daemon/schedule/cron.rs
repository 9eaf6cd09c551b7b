//! `cron(…)` with AWS's six fields: which minutes it means.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};

/// The names of months and days, from 1 on.
const MONTHS: &[&str] = &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
/// The last year that AWS's guide knows.
const LAST_YEAR: i16 = 2199;
/// The one before the first that it knows.
const YEAR_BEFORE: i16 = 1969;

/// The minutes that an expression means.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cron {
    minutes: Vec<i16>,
    hours: Vec<i16>,
    days: Vec<Day>,
    months: Vec<i16>,
    weekdays: Vec<Weekday>,
    years: Vec<i16>,
}

/// What becomes of a time over which the clocks are put forward.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Gap {
    /// It does not come.
    LeftOut,
    /// It comes when they are put forward.
    ItsEnd,
}

/// What a day of the month can be.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Day {
    /// This one.
    Of(i16),
    /// The last one.
    Last,
    /// The weekday nearest to this one, in the same month.
    Near(i16),
    /// The last weekday.
    LastWeekday,
}

/// What a day of the week can be, from 1, Sunday.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Weekday {
    /// Each of them.
    Of(i16),
    /// The last of the month.
    Last(i16),
    /// The one of this number in the month.
    Nth(i16, i16),
}

/// What a field takes.
struct Part {
    name: &'static str,
    least: i16,
    most: i16,
    names: &'static [&'static str],
}

impl Part {
    const fn new(name: &'static str, least: i16, most: i16, names: &'static [&'static str]) -> Self {
        Self { name, least, most, names }
    }

    fn value(&self, text: &str) -> Result<i16, String> {
        let named = self.names.iter().zip(self.least..).find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, value)| value);
        let value = named.or_else(|| text.parse().ok()).filter(|value| (self.least..=self.most).contains(value));
        value.ok_or_else(|| format!("has `{text}` as the {}", self.name))
    }

    /// The values of a field of plain items.
    fn values(&self, field: &str) -> Result<Vec<i16>, String> {
        let mut values = Vec::new();
        for item in field.split(',') {
            values.extend(self.item(item)?);
        }
        values.sort_unstable();
        values.dedup();
        Ok(values)
    }

    fn item(&self, item: &str) -> Result<Vec<i16>, String> {
        let (base, step) = item.split_once('/').map_or((item, None), |(base, step)| (base, Some(step)));
        let every: usize = step.map_or(Ok(1), |step| {
            step.parse().ok().filter(|step| *step > 0).ok_or_else(|| format!("has the step `{item}` as the {}", self.name))
        })?;
        let (from, to) = match base.split_once('-') {
            _ if base == "*" => (self.least, self.most),
            Some((from, to)) => (self.value(from)?, self.value(to)?),
            None if step.is_some() => (self.value(base)?, self.most),
            None => (self.value(base)?, self.value(base)?),
        };
        // Days of the week may run over its end.
        let values: Vec<i16> = if from <= to { (from..=to).collect() } else { (from..=self.most).chain(self.least..=to).collect() };
        Ok(values.into_iter().step_by(every).collect())
    }
}

const MINUTE: Part = Part::new("minute", 0, 59, &[]);
const HOUR: Part = Part::new("hour", 0, 23, &[]);
const DAY: Part = Part::new("day of month", 1, 31, &[]);
const MONTH: Part = Part::new("month", 1, 12, MONTHS);
const WEEKDAY: Part = Part::new("day of week", 1, 7, DAYS);
const YEAR: Part = Part::new("year", 1970, LAST_YEAR, &[]);

impl Cron {
    /// Reads what stands between the brackets.
    pub(super) fn new(body: &str) -> Result<Self, String> {
        let fields: Vec<&str> = body.split_whitespace().collect();
        let [minute, hour, day, month, weekday, year] = fields[..] else {
            return Err(format!("has {} fields, and AWS's cron has six fields", fields.len()));
        };
        if (day == "?") == (weekday == "?") {
            return Err("must have `?` as one of its two days".to_owned());
        }
        let cron = Self {
            minutes: MINUTE.values(minute)?,
            hours: HOUR.values(hour)?,
            days: items(day, days)?,
            months: MONTH.values(month)?,
            weekdays: items(weekday, weekdays)?,
            years: YEAR.values(year)?,
        };
        // Years that have passed are no mistake: once, it came.
        let before = Date::constant(YEAR_BEFORE, 12, 31).at(0, 0, 0, 0).to_zoned(TimeZone::UTC).map(|time| time.timestamp());
        match before.ok().and_then(|before| cron.next(before, &TimeZone::UTC, Gap::LeftOut)) {
            Some(_) => Ok(cron),
            None => Err(format!("never comes, since there is no such day: `cron({body})`")),
        }
    }

    /// The first time after `after`; `None` when there is none any more.
    pub(super) fn next(&self, after: Timestamp, zone: &TimeZone, gap: Gap) -> Option<Timestamp> {
        let mut date = zone.to_datetime(after).date();
        while date.year() <= LAST_YEAR {
            if !self.years.contains(&date.year()) {
                date = Date::new(date.year() + 1, 1, 1).ok()?;
            } else if !self.months.contains(&i16::from(date.month())) {
                date = date.last_of_month().tomorrow().ok()?;
            } else {
                let found = self.is_on(date).then(|| self.first_of(date, after, zone, gap)).flatten();
                if found.is_some() {
                    return found;
                }
                date = date.tomorrow().ok()?;
            }
        }
        None
    }

    fn is_on(&self, date: Date) -> bool {
        self.days.iter().any(|day| day.is_on(date)) || self.weekdays.iter().any(|weekday| weekday.is_on(date))
    }

    /// The first time of a day that is after `after`.
    fn first_of(&self, date: Date, after: Timestamp, zone: &TimeZone, gap: Gap) -> Option<Timestamp> {
        let times = self.hours.iter().flat_map(|hour| self.minutes.iter().map(move |minute| (*hour, *minute)));
        let time = |(hour, minute): (i16, i16)| Time::new(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0).ok();
        times.filter_map(|pair| moment(DateTime::from_parts(date, time(pair)?), zone, gap)).find(|moment| *moment > after)
    }
}

/// When a clock shows this; the first time where it does so twice.
fn moment(time: DateTime, zone: &TimeZone, gap: Gap) -> Option<Timestamp> {
    let moment = zone.to_ambiguous_timestamp(time);
    match (moment.offset(), gap) {
        (AmbiguousOffset::Gap { .. }, Gap::LeftOut) => None,
        // Reckoned by the clock as it is after the change, the time lies before it.
        (AmbiguousOffset::Gap { .. }, Gap::ItsEnd) => Some(zone.following(moment.earlier().ok()?).next()?.timestamp()),
        _ => moment.earlier().ok(),
    }
}

fn items<T>(field: &str, read: fn(&str) -> Result<Vec<T>, String>) -> Result<Vec<T>, String> {
    if field == "?" {
        return Ok(Vec::new());
    }
    let read: Vec<Vec<T>> = field.split(',').map(read).collect::<Result<_, _>>()?;
    Ok(read.into_iter().flatten().collect())
}

fn days(item: &str) -> Result<Vec<Day>, String> {
    match item {
        "L" => Ok(vec![Day::Last]),
        "LW" => Ok(vec![Day::LastWeekday]),
        _ => match item.strip_suffix('W') {
            Some(day) => Ok(vec![Day::Near(DAY.value(day)?)]),
            None => Ok(DAY.item(item)?.into_iter().map(Day::Of).collect()),
        },
    }
}

fn weekdays(item: &str) -> Result<Vec<Weekday>, String> {
    if item == "L" {
        return Ok(vec![Weekday::Of(WEEKDAY.most)]);
    }
    if let Some(day) = item.strip_suffix('L') {
        return Ok(vec![Weekday::Last(WEEKDAY.value(day)?)]);
    }
    if let Some((day, number)) = item.split_once('#') {
        let number = number.parse().ok().filter(|number| (1..=5).contains(number));
        return Ok(vec![Weekday::Nth(WEEKDAY.value(day)?, number.ok_or_else(|| format!("has `{item}` as the day of week"))?)]);
    }
    Ok(WEEKDAY.item(item)?.into_iter().map(Weekday::Of).collect())
}

/// From 1, Sunday.
fn weekday_of(date: Date) -> i16 {
    i16::from(date.weekday().to_sunday_one_offset())
}

fn is_workday(date: Date) -> bool {
    (2..=6).contains(&weekday_of(date))
}

impl Day {
    fn is_on(self, date: Date) -> bool {
        let day = i16::from(date.day());
        match self {
            Self::Of(wanted) => wanted == day,
            Self::Last => date == date.last_of_month(),
            Self::LastWeekday => is_workday(date) && !has_later_workday(date),
            Self::Near(wanted) => nearest_workday(date, wanted) == Some(date),
        }
    }
}

/// Whether another workday of the month follows.
fn has_later_workday(date: Date) -> bool {
    let days = i16::from(date.day()) + 1..=i16::from(date.days_in_month());
    days.filter_map(|day| with_day(date, day)).any(is_workday)
}

fn with_day(date: Date, day: i16) -> Option<Date> {
    Date::new(date.year(), date.month(), i8::try_from(day).ok()?).ok()
}

/// The workday nearest to a day of the month of `date`, without leaving the month.
fn nearest_workday(date: Date, day: i16) -> Option<Date> {
    let wanted = with_day(date, day)?;
    let moves: &[i16] = match weekday_of(wanted) {
        1 => &[1, -2],
        7 => &[-1, 2],
        _ => &[0],
    };
    moves.iter().find_map(|by| with_day(date, day + by))
}

impl Weekday {
    fn is_on(self, date: Date) -> bool {
        let (weekday, day) = (weekday_of(date), i16::from(date.day()));
        match self {
            Self::Of(wanted) => wanted == weekday,
            Self::Last(wanted) => wanted == weekday && day + 7 > i16::from(date.days_in_month()),
            Self::Nth(wanted, number) => wanted == weekday && (day - 1) / 7 + 1 == number,
        }
    }
}
