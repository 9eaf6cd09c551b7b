//! How long a role that was just made is left alone before Lambda is told about it.
//!
//! Lambda refuses a role for 5 to 30 seconds after IAM made it, and each refused call costs a token of
//! its quota. The delay is learned: nothing at first, more after a refusal, less after a success.

use super::error::{AwsError, ErrorClass};
use super::locked;
use super::meter::{Cause, milliseconds};
use super::writer::Writer;
use crate::model::{Address, Event};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::Instant;

/// What a refusal adds.
const STEP: Duration = Duration::from_secs(2);
/// The delay never grows beyond this.
const MOST: Duration = Duration::from_secs(12);
/// What a success at the first try leaves.
const DECAY: f64 = 0.9;
/// A wait that is longer is worth telling.
const TELLING: Duration = Duration::from_secs(2);

/// What one run has learned about fresh roles. Roles that the run did not make are none of its business.
#[derive(Default)]
pub struct HoldOff {
    learned: Mutex<Learned>,
}

#[derive(Default)]
struct Learned {
    delay: Duration,
    /// When this run made which role, by ARN.
    made: BTreeMap<String, Instant>,
    /// The roles of which this run changed who may assume them or what they may do, by name in lower case.
    changed: BTreeSet<String>,
}

/// A role's name in lower case, from its ARN or itself: IAM's names know no case.
fn name_of(role: &str) -> String {
    role.rsplit('/').next().unwrap_or(role).to_lowercase()
}

impl HoldOff {
    /// IAM has just made this role.
    pub fn made(&self, role: &str) {
        locked(&self.learned).made.insert(role.to_owned(), Instant::now());
    }

    /// IAM was just told who may assume this role, or what it may do.
    pub fn changed(&self, role: &str) {
        locked(&self.learned).changed.insert(name_of(role));
    }

    /// Whether this run made or changed the role, so that not all of AWS may know it as it is.
    pub fn is_fresh(&self, role: &str) -> bool {
        let (learned, name) = (locked(&self.learned), name_of(role));
        learned.changed.contains(&name) || learned.made.keys().any(|made| name_of(made) == name)
    }

    /// Whether a text, such as a policy, names a role that this run made.
    pub fn is_named_in(&self, text: &str) -> bool {
        locked(&self.learned).made.keys().any(|made| text.contains(made.as_str()))
    }

    /// Lambda could not assume this role yet.
    pub fn refused(&self, role: &str) {
        let mut learned = locked(&self.learned);
        if learned.made.contains_key(role) {
            learned.delay = (learned.delay + STEP).min(MOST);
        }
    }

    /// Lambda took this role at the first try.
    pub fn taken_at_once(&self, role: &str) {
        let mut learned = locked(&self.learned);
        if learned.made.contains_key(role) {
            learned.delay = learned.delay.mul_f64(DECAY);
        }
    }

    /// When this role is worth a try; `None` for one that the run did not make.
    fn ripe_at(&self, role: &str) -> Option<Instant> {
        let learned = locked(&self.learned);
        learned.made.get(role).map(|made| *made + learned.delay)
    }
}

/// Waits until this role is worth a try.
///
/// # Errors
/// One of class [`ErrorClass::Interrupted`] when the run drains.
pub async fn ripen(writer: &Writer, operation: &str, role: &str, address: &Address) -> Result<(), AwsError> {
    let caller = writer.reader().caller();
    let (started, mut is_told) = (Instant::now(), false);
    let cause = format!("role `{}` to be assumable", role.rsplit('/').next().unwrap_or(role));
    // Others may learn meanwhile that it takes longer.
    while let Some(left) = writer.hold_off().ripe_at(role).map(|ripe| ripe.saturating_duration_since(Instant::now())) {
        if left.is_zero() {
            break;
        }
        if left > TELLING {
            is_told = true;
            let elapsed_ms = milliseconds(started.elapsed());
            (caller.events)(Event::Waiting { address: Some(address.clone()), cause: cause.clone(), calls: 1, elapsed_ms, limit_ms: None });
        }
        let measured = caller.meter.waiting(Cause::Propagation, caller.events.clone());
        let slept = caller.interrupt.run_until_cancelled(tokio::time::sleep(left)).await;
        let interrupted = || AwsError::own(operation, ErrorClass::Interrupted, format!("interrupted while waiting for {cause}"));
        drop(measured);
        slept.ok_or_else(interrupted)?;
    }
    if is_told {
        (caller.events)(Event::Waited { address: Some(address.clone()), cause, elapsed_ms: milliseconds(started.elapsed()) });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::Cloud;

    const ROLE: &str = "arn:aws:iam::123456789012:role/lambdo/demo/demo-hash";

    fn cloud() -> Cloud {
        Cloud::new(|_| (500, String::new()))
    }

    /// How many milliseconds a role is left alone.
    async fn held(cloud: &Cloud, role: &str) -> u128 {
        let started = Instant::now();
        ripen(&cloud.writer, "lambda:CreateFunction", role, &Address::new("function", "hash")).await.unwrap();
        started.elapsed().as_millis()
    }

    #[tokio::test(start_paused = true)]
    async fn a_fresh_role_is_left_alone_as_long_as_others_took() {
        let cloud = cloud();
        let hold_off = cloud.writer.hold_off();
        hold_off.made(ROLE);
        assert_eq!(held(&cloud, ROLE).await, 0);
        hold_off.refused(ROLE);
        assert_eq!((held(&cloud, ROLE).await, cloud.waits()), (2_000, vec![]));
        assert_eq!(held(&cloud, ROLE).await, 0, "it is ripe by now");
        hold_off.made("arn:x:role/next");
        hold_off.refused(ROLE);
        assert_eq!(held(&cloud, "arn:x:role/next").await, 4_000);
        assert_eq!(cloud.waits(), ["role `next` to be assumable"]);
        hold_off.made("arn:x:role/later");
        hold_off.taken_at_once("arn:x:role/next");
        assert_eq!(held(&cloud, "arn:x:role/later").await, 3_600);
        (0..9).for_each(|_| hold_off.refused(ROLE));
        hold_off.made("arn:x:role/last");
        assert_eq!(held(&cloud, "arn:x:role/last").await, 12_000);
    }

    #[tokio::test(start_paused = true)]
    async fn a_role_that_was_there_before_teaches_nothing_and_waits_for_nothing() {
        let cloud = cloud();
        cloud.writer.hold_off().refused("arn:x:role/old");
        cloud.writer.hold_off().made(ROLE);
        assert_eq!(held(&cloud, ROLE).await, 0);
        cloud.writer.hold_off().refused(ROLE);
        assert_eq!(held(&cloud, "arn:x:role/old").await, 0);
    }

    #[test]
    fn roles_are_fresh_that_this_run_made_or_changed_whatever_the_case_of_their_names() {
        let hold_off = HoldOff::default();
        hold_off.made(ROLE);
        hold_off.changed("Shared");
        for fresh in [ROLE, "demo-hash", "arn:aws:iam::123456789012:role/x/DEMO-HASH", "arn:x:role/shared"] {
            assert!(hold_off.is_fresh(fresh), "{fresh}");
        }
        assert!(!hold_off.is_fresh("arn:aws:iam::123456789012:role/other"));
        assert!(hold_off.is_named_in(&format!(r#"{{"AWS":"{ROLE}"}}"#)) && !hold_off.is_named_in("Shared"));
    }

    #[tokio::test(start_paused = true)]
    async fn an_interrupt_ends_the_wait() {
        let cloud = cloud();
        cloud.writer.hold_off().made(ROLE);
        cloud.writer.hold_off().refused(ROLE);
        cloud.interrupt.cancel();
        let error = ripen(&cloud.writer, "lambda:CreateFunction", ROLE, &Address::new("function", "hash")).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Interrupted);
        insta::assert_snapshot!(error.message, @"interrupted while waiting for role `demo-hash` to be assumable");
    }
}
