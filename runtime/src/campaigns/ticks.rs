//! The times at which a campaign starts its flow. They stand on the calendar and not on when a process began, so every
//! process finds the same ones.

use croner::Cron;
use croner::parser::{CronParser, Seconds};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use weir_compiler::plan::Trigger;

/// A clock.
#[derive(Clone, Debug)]
pub enum Ticks {
    /// By the calendar of a zone. A time of day that a jump of the clock leaves out comes right behind the jump; one that
    /// comes twice counts once. Patterns with `*` or `/` in hours or minutes follow the wall clock.
    Cron(Box<Cron>, TimeZone),
    /// Multiples of so many milliseconds since 1970, in UTC.
    Every(i64),
}

impl Ticks {
    /// The clock of a campaign; None: it has none.
    ///
    /// # Errors
    /// A pattern that is none, a zone that is not known.
    pub fn of(trigger: &Trigger) -> Result<Option<Ticks>, String> {
        Ok(match trigger {
            Trigger::Cron { schedule, zone } => {
                let parser = CronParser::builder().seconds(Seconds::Disallowed).build();
                let cron = parser.parse(schedule).map_err(|error| format!("`cron {schedule:?}`: {error}"))?;
                let zone = TimeZone::get(zone).map_err(|_| format!("`{zone}` is no time zone"))?;
                Some(Ticks::Cron(Box::new(cron), zone))
            }
            Trigger::Every(millis) => Some(Ticks::Every(i64::try_from(*millis).unwrap_or(i64::MAX).max(1))),
            Trigger::Event { .. } | Trigger::Webhook { .. } => None,
        })
    }

    /// The first time behind this one.
    pub fn after(&self, at: Timestamp) -> Option<Timestamp> {
        match self {
            Ticks::Cron(cron, zone) => {
                let next = cron.find_next_occurrence(&at.to_zoned(zone.clone()), false).ok()?;
                Some(next.timestamp())
            }
            Ticks::Every(millis) => time(at.as_millisecond().div_euclid(*millis).checked_add(1)?.checked_mul(*millis)?),
        }
    }

    /// The times in a stretch of time, the last one in it and the first one not, newest first, at most so many.
    pub fn within(&self, since: Timestamp, until: Timestamp, most: usize) -> Vec<Timestamp> {
        let mut found = Vec::new();
        let mut at = self.before(until, true);
        while let Some(time) = at.filter(|time| *time > since && found.len() < most) {
            found.push(time);
            at = self.before(time, false);
        }
        found
    }

    fn before(&self, at: Timestamp, inclusive: bool) -> Option<Timestamp> {
        match self {
            Ticks::Cron(cron, zone) => {
                let last = cron.find_previous_occurrence(&at.to_zoned(zone.clone()), inclusive).ok()?;
                Some(last.timestamp())
            }
            Ticks::Every(every) => {
                let millis = at.as_millisecond();
                let whole = millis.div_euclid(*every).checked_mul(*every)?;
                time(if whole == millis && !inclusive { whole.checked_sub(*every)? } else { whole })
            }
        }
    }
}

fn time(millis: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(millis).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan;

    fn cron(schedule: &str, zone: &str) -> Ticks {
        Ticks::of(&Trigger::Cron { schedule: schedule.into(), zone: zone.into() }).unwrap().unwrap()
    }

    /// The times from one to another, by walking forward.
    fn walk(ticks: &Ticks, since: &str, until: &str) -> Vec<String> {
        let (mut at, until): (Timestamp, Timestamp) = (since.parse().unwrap(), until.parse().unwrap());
        let mut found = Vec::new();
        while let Some(next) = ticks.after(at).filter(|next| *next <= until) {
            assert!(next > at, "{next} is not behind {at}");
            found.push(next);
            at = next;
        }
        let mut back = ticks.within(since.parse().unwrap(), until, 10_000);
        back.reverse();
        assert_eq!(back, found, "walking back finds others");
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_time_of_day_follows_the_zone_and_comes_once_a_day_whatever_the_clock_does() {
        for (zone, schedule, since, until, expected) in [
            // 02:00 becomes 03:00: there is no 02:30.
            (
                "Europe/Oslo",
                "30 2 * * *",
                "2026-03-27T22:00:00Z",
                "2026-03-30T22:00:00Z",
                ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
            ),
            // 03:00 becomes 02:00: there are two.
            (
                "Europe/Oslo",
                "30 2 * * *",
                "2026-10-23T22:00:00Z",
                "2026-10-26T22:00:00Z",
                ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
            ),
            (
                "America/New_York",
                "30 2 * * *",
                "2026-03-07T05:00:00Z",
                "2026-03-10T05:00:00Z",
                ["2026-03-07T07:30:00Z", "2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"],
            ),
            (
                "America/New_York",
                "30 1 * * *",
                "2026-10-31T04:00:00Z",
                "2026-11-03T04:00:00Z",
                ["2026-10-31T05:30:00Z", "2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"],
            ),
            // Half an hour: 02:00 becomes 02:30, and 02:00 becomes 01:30.
            (
                "Australia/Lord_Howe",
                "15 2 * * *",
                "2026-10-02T13:00:00Z",
                "2026-10-05T13:00:00Z",
                ["2026-10-02T15:45:00Z", "2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"],
            ),
            (
                "Australia/Lord_Howe",
                "45 1 * * *",
                "2026-04-03T12:00:00Z",
                "2026-04-06T12:00:00Z",
                ["2026-04-03T14:45:00Z", "2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"],
            ),
        ] {
            assert_eq!(walk(&cron(schedule, zone), since, until), expected, "{schedule} {zone}");
        }
    }

    #[test]
    fn a_pattern_that_comes_often_follows_the_clock_on_the_wall() {
        let hourly = cron("0 * * * *", "Europe/Oslo");
        assert_eq!(walk(&hourly, "2026-03-28T23:00:00Z", "2026-03-29T23:00:00Z").len(), 24);
        assert_eq!(walk(&hourly, "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z").len(), 25);
        let often = cron("*/15 * * * *", "Australia/Lord_Howe");
        assert_eq!(walk(&often, "2026-10-03T13:00:00Z", "2026-10-04T13:00:00Z").len(), 96);
    }

    #[test]
    fn a_year_of_days_has_one_time_each_in_every_zone() {
        for zone in ["Europe/Oslo", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"] {
            for schedule in ["0 9 * * *", "30 2 * * *", "45 1 * * *"] {
                let found = walk(&cron(schedule, zone), "2026-01-01T12:00:00Z", "2027-01-01T12:00:00Z");
                assert_eq!(found.len(), 365, "{schedule} {zone}");
            }
        }
    }

    #[test]
    fn every_stands_on_the_calendar_and_not_on_the_start() {
        let ticks = Ticks::of(&Trigger::Every(900_000)).unwrap().unwrap();
        let at: Timestamp = "2026-11-21T10:07:13Z".parse().unwrap();
        assert_eq!(ticks.after(at).unwrap().to_string(), "2026-11-21T10:15:00Z");
        let on: Timestamp = "2026-11-21T10:15:00Z".parse().unwrap();
        assert_eq!(ticks.after(on).unwrap().to_string(), "2026-11-21T10:30:00Z");
        assert_eq!(walk(&ticks, "2026-11-21T10:00:00Z", "2026-11-21T11:00:00Z").len(), 4);
        // However long nothing ran, only the last ones are looked at.
        let long = ticks.within(at - 8_760.hours(), at, 3);
        assert_eq!(long.iter().map(ToString::to_string).collect::<Vec<_>>()[0], "2026-11-21T10:00:00Z");
        assert_eq!(long.len(), 3);
    }

    #[test]
    fn what_is_no_clock_says_so() {
        let wrong = |schedule: &str, zone: &str| {
            Ticks::of(&Trigger::Cron { schedule: schedule.into(), zone: zone.into() }).unwrap_err()
        };
        assert!(wrong("61 9 * * *", "UTC").starts_with("`cron \"61 9 * * *\"`: "));
        assert_eq!(wrong("0 9 * * *", "Mars/Base"), "`Mars/Base` is no time zone");
        assert!(cron("0 0 30 2 *", "UTC").after(Timestamp::UNIX_EPOCH).is_none());
    }
}
