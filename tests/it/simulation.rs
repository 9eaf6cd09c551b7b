//! Lives of projects, drawn at random: wishes and edits, faults, kills, and what people change behind lambdo's back. The engine
//! and the local cloud run in one process on a clock that jumps to the next moment at which something happens.
//!
//! A life that breaks a law is made as short as it goes, and told with its seed.
//! `LAMBDO_SIMULATE=FROM..TO` runs other seeds than those that every test run has; `scripts/simulate` runs many.

mod life;
mod medium;
mod people;
mod points;
mod sabotage;
mod scenario;
mod wall;
mod wish;
mod world;

use scenario::Scenario;
use std::ops::Range;

/// The seeds of every test run, in parts that run side by side.
const SEEDS: u64 = 1_000;
const PARTS: u64 = 8;

/// The first law that a life breaks.
fn broken(scenario: &Scenario) -> Option<String> {
    let life = std::panic::AssertUnwindSafe(|| life::live(scenario));
    match std::panic::catch_unwind(life) {
        Ok(outcome) => outcome.err(),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
            Some(format!("it panicked: {}", text.unwrap_or("without a word")))
        }
    }
}

/// Leaves out whatever can be left out while a law stays broken.
fn shortest(mut scenario: Scenario) -> Scenario {
    loop {
        let Some(shorter) = scenario.shorter().into_iter().find(|shorter| broken(shorter).is_some()) else { return scenario };
        scenario = shorter;
    }
}

fn simulate(seeds: Range<u64>) {
    let mut failures = Vec::new();
    for seed in seeds {
        let scenario = Scenario::of(seed);
        if let Some(reason) = broken(&scenario) {
            let shortest = shortest(scenario);
            let reason = broken(&shortest).unwrap_or(reason);
            failures.push(format!("seed {seed}: {reason}\n{shortest}"));
        }
        if failures.len() >= 3 {
            break;
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// The seeds that the variable asks for, or the part of the usual ones.
fn part(number: u64) -> Range<u64> {
    let asked = std::env::var("LAMBDO_SIMULATE").ok();
    let (from, to) = asked.as_deref().map_or((0, SEEDS), |text| {
        let (from, to) = text.split_once("..").unwrap_or_else(|| panic!("`LAMBDO_SIMULATE` is FROM..TO: {text}"));
        (from.parse().unwrap(), to.parse().unwrap())
    });
    let length = (to - from).div_ceil(PARTS);
    let start = from + number * length;
    start.min(to)..(start + length).min(to)
}

macro_rules! parts {
    ($($name:ident: $number:literal;)+) => {
        $(#[test] fn $name() { simulate(part($number)); })+
    };
}

parts! {
    lives_of_the_first_part_keep_the_laws: 0;
    lives_of_the_second_part_keep_the_laws: 1;
    lives_of_the_third_part_keep_the_laws: 2;
    lives_of_the_fourth_part_keep_the_laws: 3;
    lives_of_the_fifth_part_keep_the_laws: 4;
    lives_of_the_sixth_part_keep_the_laws: 5;
    lives_of_the_seventh_part_keep_the_laws: 6;
    lives_of_the_eighth_part_keep_the_laws: 7;
}

#[test]
fn the_same_seed_is_the_same_life() {
    assert_eq!(Scenario::of(7).to_string(), Scenario::of(7).to_string());
    assert_ne!(Scenario::of(7).to_string(), Scenario::of(8).to_string());
}

/// The simulation would see it: a life in which a law is broken fails, and what has nothing to do with that is left out.
#[test]
fn a_broken_law_is_found_and_told_shortly() {
    let scenario = Scenario { sabotage: Some(sabotage::Sabotage::LeftOver), ..Scenario::of(3) };
    assert!(broken(&scenario).is_some_and(|reason| reason.contains("is left")), "{:?}", broken(&scenario));
    assert!(shortest(scenario).rounds.len() <= 1);
}

/// Each law, broken once: a law that no life could break would keep nothing.
#[test]
fn every_law_can_be_broken_and_is_told() {
    let mut wrong = Vec::new();
    for (sabotage, words) in sabotage::ALL {
        let lawful = sabotage.life();
        let told = broken(&Scenario { sabotage: Some(sabotage), ..lawful.clone() });
        if let Some(reason) = broken(&lawful) {
            wrong.push(format!("{sabotage:?} is told without it: {reason}"));
        }
        if !told.as_ref().is_some_and(|reason| reason.contains(words)) {
            wrong.push(format!("{sabotage:?} is told as {told:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
