//! A process that dies at each line of its journal, in the middle of each write, and after each call: of an `up`, an update,
//! a replacement and a `destroy`, with the store that people have.

use super::life::Life;
use super::medium::{MOMENTS, Medium};
use super::scenario::{Kill, Round, Verb};
use super::wish::{Function, Wish};
use super::world::Switch;
use std::sync::Arc;

/// The trips that are cut short, and at how many points at least.
const TRIPS: [(&str, usize); 4] = [("up", 140), ("update", 120), ("replacement", 170), ("destroy", 110)];

/// What people do after a run was cut short.
#[derive(Clone, Copy)]
enum Then {
    GoOn,
    /// They want again what was there before.
    GoBack,
    TakeDown,
}

/// A run, and what was there before it.
struct Trip {
    before: Option<Wish>,
    verb: Verb,
    wish: Wish,
}

fn wish() -> Wish {
    let full = Function {
        level: Some(1),
        timeout: Some(1),
        retention: true,
        team: Some(1),
        reserved: true,
        rules: [("daily".to_owned(), 1)].into(),
        permissions: [("partner".to_owned(), 1)].into(),
        allow: Some(1),
        managed: true,
        ..Function::default()
    };
    let functions = [("api".to_owned(), full), ("cron".to_owned(), Function { shares_role: true, ..Function::default() })].into();
    Wish { functions, shared_role: true, layer: Some(1), ..Wish::default() }
}

fn changed() -> Wish {
    let mut wish = wish();
    wish.layer = Some(2);
    for function in wish.functions.values_mut() {
        *function = Function { mark: 1, level: Some(2), timeout: Some(2), team: Some(2), retention: false, ..function.clone() };
        function.rules = [("daily".to_owned(), 2), ("nightly".to_owned(), 1)].into();
        function.permissions = [("partner".to_owned(), 2)].into();
        function.allow = function.allow.map(|allow| allow + 1);
    }
    wish
}

fn renamed() -> Wish {
    let mut wish = wish();
    wish.functions.values_mut().for_each(|function| function.renamed = Some(1));
    wish
}

impl Trip {
    fn called(name: &str) -> Self {
        match name {
            "up" => Self { before: None, verb: Verb::Up, wish: wish() },
            "update" => Self { before: Some(wish()), verb: Verb::Up, wish: changed() },
            "replacement" => Self { before: Some(wish()), verb: Verb::Up, wish: renamed() },
            _ => Self { before: Some(wish()), verb: Verb::Destroy, wish: wish() },
        }
    }

    /// Takes the trip, dying at a point of it. What it wrote until then, where it dies or ends as it should.
    fn take(&self, kill: Option<Kill>, then: Then) -> Result<Arc<Switch>, String> {
        super::life::in_its_own_time(async |folder| {
            let life = Life::new(folder, Medium::Files(folder.join("state")));
            let strangers = life.begin().await;
            if let Some(before) = &self.before {
                life.succeeds(&Round::quiet(None, Verb::Up, before), false).await?;
            }
            let switch = Switch::new(kill);
            life.until_death(&Round::quiet(None, self.verb, &self.wish), &switch).await;
            life.is_readable().await?;
            if kill.is_some() {
                match (then, &self.before) {
                    (Then::TakeDown, _) => {}
                    (Then::GoBack, Some(before)) => life.converges(before, &strangers).await?,
                    (Then::GoBack, None) | (Then::GoOn, _) => life.converges(&self.wish, &strangers).await?,
                }
                life.goes(&strangers).await?;
            }
            Ok(switch)
        })
    }

    /// Every point at which this trip can be cut short: after each line of the journal and in the middle of it, at each
    /// step of a write of the state, and after each call.
    fn points(&self) -> Vec<Kill> {
        let whole = self.take(None, Then::GoOn).unwrap();
        let mut points: Vec<Kill> = (1..=whole.calls()).map(Kill::AtCall).collect();
        for (number, written) in (1..).zip(whole.written()) {
            let Some(added) = written else {
                points.extend((0..MOMENTS).map(|moment| Kill::AtWrite(number, moment)));
                continue;
            };
            let mut begin = 0;
            for (index, line) in added.split_inclusive(|byte| *byte == b'\n').enumerate() {
                let edge = [1, line.len() - 1][index % 2];
                points.extend([edge, line.len() / 2, line.len()].map(|part| Kill::AtWrite(number, (begin + part) as u64)));
                begin += line.len();
            }
        }
        points
    }
}

fn survives_each_point(name: &str) {
    let trip = Trip::called(name);
    let points = trip.points();
    let dies = |index: usize| {
        let point = points[index];
        let then = [Then::GoOn, Then::GoBack, Then::GoOn, Then::TakeDown][index % 4];
        let switch = trip.take(Some(point), then).unwrap_or_else(|reason| panic!("{name}, {point:?}: {reason}"));
        usize::from(switch.is_dead())
    };
    let lives = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let reached: usize = std::thread::scope(|scope| {
        let of_one = |first: usize| (first..points.len()).step_by(lives).map(dies).sum::<usize>();
        let side_by_side: Vec<_> = (0..lives).map(|first| scope.spawn(move || of_one(first))).collect();
        side_by_side.into_iter().map(|one| one.join().unwrap()).sum()
    });
    let least = TRIPS.iter().find(|(known, _)| *known == name).unwrap().1;
    eprintln!("{name}: {reached} points of {}", points.len());
    assert!(reached >= least, "{name} was cut short at {reached} points of {} only", points.len());
}

#[test]
fn an_up_is_cut_short_at_each_point() {
    survives_each_point("up");
}

#[test]
fn an_update_is_cut_short_at_each_point() {
    survives_each_point("update");
}

#[test]
fn a_replacement_is_cut_short_at_each_point() {
    survives_each_point("replacement");
}

#[test]
fn a_destroy_is_cut_short_at_each_point() {
    survives_each_point("destroy");
}

#[test]
fn there_are_at_least_500_points() {
    assert!(TRIPS.iter().map(|(_, least)| least).sum::<usize>() >= 500);
}
