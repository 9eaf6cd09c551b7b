//! What happens to a request: pure, from the plan, from what is remembered, and from what the request asks for.

use super::facts::Facts;
use super::memory::Memory;
use super::operations::Verb;
use super::plan::{Plan, Rule};
use super::quotas::{Tokens, quota_of};
use super::table::Fault;
use crate::local::names::matches;
use sha2::{Digest, Sha256};

/// What happens to a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Verdict {
    /// How long it waits before anything else.
    pub delay_ms: i64,
    /// What happens instead of what was asked; the first rule that hits decides.
    pub instead: Option<Instead>,
    /// What becomes of the answer, in the order of the rules.
    pub then: Vec<Then>,
}

/// What happens instead of what was asked.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Instead {
    /// The connection ends; nothing was read to its end and nothing is done.
    Cut,
    Refuse(Refusal),
    /// A first page without anything on it.
    EmptyPage,
    /// The function as it was, on its way out.
    Ghost(serde_json::Value),
    /// The first entry fails and the others go through.
    FailEntry {
        code: String,
    },
}

/// Why something is refused.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Refusal {
    Any {
        status: u16,
        code: String,
        message: Option<String>,
        retry_after_seconds: Option<u64>,
    },
    Throttled {
        retry_after_seconds: Option<u64>,
    },
    Expired,
    Denied,
    Unavailable,
    /// By how much the service's clock is ahead.
    Skewed {
        by_ms: i64,
    },
    Conflict,
    InState(&'static str),
    NotSeen,
    NotAssumable,
    DeleteConflict,
    Protected,
    Full,
}

/// What becomes of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Then {
    /// It is lost; what was asked is done.
    Lose,
    /// These things are not in it.
    Leave(Vec<String>),
    /// The state of a function in it.
    State {
        state: &'static str,
        is_update: bool,
    },
    /// What was added or removed meanwhile is not, though the answer says so.
    Undo {
        hold_ms: i64,
    },
    RoleIds(Vec<String>),
    Respell,
    DeletedPrincipals,
    HideTags,
    HideEnvironment,
    UnknownWords,
    Retention {
        days: u32,
    },
    Protected,
    /// The log group is there again later.
    Return {
        after_ms: i64,
    },
}

/// Decides, and counts.
pub(super) fn decide(plan: &Plan, memory: &mut Memory, facts: &Facts, now_ms: i64) -> Verdict {
    let mut verdict = Verdict::default();
    for (index, rule) in plan.rules.iter().enumerate() {
        let at = At { rule, index, seed: plan.seed, facts, now_ms };
        if !at.is_meant(memory) {
            continue;
        }
        let before = verdict.clone();
        at.play(memory, &mut verdict);
        // What does nothing to this request is no hit, and uses no count up.
        if verdict == before {
            continue;
        }
        match at.is_its_turn(memory) {
            true => memory.hit(index),
            false => verdict = before,
        }
    }
    memory.see(&facts.operation);
    verdict
}

/// A rule and the request that it meets.
struct At<'a> {
    rule: &'a Rule,
    index: usize,
    seed: u64,
    facts: &'a Facts,
    now_ms: i64,
}

impl At<'_> {
    fn is_meant(&self, memory: &Memory) -> bool {
        let Facts { service, operation, resource, .. } = self.facts;
        let since_ms = self.now_ms - memory.since_ms;
        let (from_ms, until_ms) = self.rule.window_ms;
        let is_awake = self.rule.after.as_ref().is_none_or(|after| memory.has_seen(|seen| matches(after, seen)));
        let is_left = self.rule.total.is_none_or(|total| memory.hits_of(self.index) < total);
        (from_ms..until_ms).contains(&since_ms)
            && is_awake
            && is_left
            && self.rule.is_about(service, operation)
            && self.rule.is_of(resource)
    }

    /// Whether this meeting is one of those that are hit. It is counted.
    fn is_its_turn(&self, memory: &mut Memory) -> bool {
        let occurrence = memory.meet(self.index, self.facts);
        let is_counted = occurrence >= self.rule.skip && self.rule.count.is_none_or(|count| occurrence - self.rule.skip < count);
        is_counted && self.chance(&occurrence.to_string()) < self.rule.probability
    }

    /// From 0 to below 1, the same for the same seed, rule, operation, resource and `what`.
    fn chance(&self, what: &str) -> f64 {
        let Facts { operation, resource, .. } = self.facts;
        let text = format!("{}\n{}\n{operation}\n{resource}\n{what}", self.seed, self.index);
        let digest = Sha256::digest(text.as_bytes());
        let number = digest.iter().take(4).fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        f64::from(number) / (f64::from(u32::MAX) + 1.0)
    }

    /// How long the fault lasts for a thing of that name.
    fn length_ms(&self, name: &str) -> i64 {
        let (least, most) = self.rule.for_ms;
        let text = format!("{}\n{}\n{name}", self.seed, self.index);
        let number = Sha256::digest(text.as_bytes()).iter().take(7).fold(0_i64, |number, byte| number << 8 | i64::from(*byte));
        least + number % (most - least + 1)
    }

    /// Whether something happened to a thing less long ago than the fault lasts.
    fn is_fresh(&self, at_ms: Option<i64>, name: &str) -> bool {
        at_ms.is_some_and(|at_ms| self.now_ms - at_ms < self.length_ms(name))
    }

    fn play(&self, memory: &mut Memory, verdict: &mut Verdict) {
        let (facts, rule) = (self.facts, self.rule);
        let mut refuse = |refusal: Refusal| {
            verdict.instead.get_or_insert(Instead::Refuse(refusal));
        };
        match rule.fault {
            Fault::Refuse => refuse(Refusal::Any {
                status: rule.status,
                code: rule.code.clone().unwrap_or_default(),
                message: rule.message.clone(),
                retry_after_seconds: rule.retry_after_seconds,
            }),
            Fault::Throttle => refuse(Refusal::Throttled { retry_after_seconds: rule.retry_after_seconds }),
            Fault::Quotas if self.is_too_much(memory) => refuse(Refusal::Throttled { retry_after_seconds: None }),
            Fault::ExpiredCredentials => refuse(Refusal::Expired),
            Fault::Denied => refuse(Refusal::Denied),
            Fault::Unavailable => refuse(Refusal::Unavailable),
            Fault::ClockSkew => refuse(Refusal::Skewed { by_ms: self.length_ms("") }),
            Fault::Conflict => refuse(Refusal::Conflict),
            Fault::RoleNotAssumable if self.is_role_fresh(memory) => refuse(Refusal::NotAssumable),
            Fault::DeleteConflict if self.is_fresh(memory.past("iam", &facts.resource).changed_ms, &facts.resource) => {
                refuse(Refusal::DeleteConflict);
            }
            Fault::Unseen if self.is_young(memory) => refuse(Refusal::NotSeen),
            Fault::LateReads if !facts.resource.is_empty() && self.is_young(memory) => refuse(Refusal::NotSeen),
            Fault::QuotaFull if memory.past(&facts.service, &facts.resource).made_ms.is_none() => refuse(Refusal::Full),
            Fault::DeletionProtection if facts.operation == "DeleteLogGroup" => refuse(Refusal::Protected),
            Fault::UpdateInProgress | Fault::FunctionDeleting => self.play_states(memory, verdict),
            Fault::Cut => {
                verdict.instead.get_or_insert(Instead::Cut);
            }
            Fault::EmptyPage if facts.page.is_none() => {
                verdict.instead.get_or_insert(Instead::EmptyPage);
            }
            Fault::FailedEntries => {
                let code = rule.code.clone().unwrap_or_else(|| "ConcurrentModificationException".to_owned());
                verdict.instead.get_or_insert(Instead::FailEntry { code });
            }
            Fault::Delay => verdict.delay_ms += self.length_ms(&facts.resource),
            _ => verdict.then.extend(self.later(memory)),
        }
    }

    /// What becomes of the answer.
    fn later(&self, memory: &Memory) -> Option<Then> {
        let facts = self.facts;
        let young = || memory.made_after(&facts.service, self.now_ms - self.length_ms(""));
        Some(match self.rule.fault {
            Fault::AnswerLost => Then::Lose,
            Fault::LateReads if facts.resource.is_empty() => Then::Leave(young()),
            Fault::RoleIdForArn => Then::RoleIds(young()),
            Fault::StatementLost => Then::Undo { hold_ms: self.length_ms(&facts.resource) },
            Fault::RespelledPolicies => Then::Respell,
            Fault::DeletedPrincipal => Then::DeletedPrincipals,
            Fault::TagsHidden => Then::HideTags,
            Fault::EnvironmentHidden => Then::HideEnvironment,
            Fault::UnknownWords => Then::UnknownWords,
            Fault::AccountRetention => Then::Retention { days: self.rule.days },
            Fault::DeletionProtection => Then::Protected,
            Fault::LogGroupReturns => Then::Return { after_ms: self.length_ms(&facts.resource) },
            _ => return None,
        })
    }

    fn is_too_much(&self, memory: &mut Memory) -> bool {
        let Some((name, rate)) = quota_of(self.facts) else { return false };
        let rate = rate * f64::from(self.rule.rate_percent) / 100.0;
        let tokens = memory.tokens.entry((self.index, name)).or_insert_with(|| Tokens::full(rate, self.now_ms));
        !tokens.take(rate, self.now_ms)
    }

    /// Whether the thing that the request names was just made.
    fn is_young(&self, memory: &Memory) -> bool {
        self.is_fresh(memory.past(&self.facts.service, &self.facts.resource).made_ms, &self.facts.resource)
    }

    fn is_role_fresh(&self, memory: &Memory) -> bool {
        self.facts.role.as_ref().is_some_and(|role| self.is_fresh(memory.past("iam", role).made_ms, role))
    }

    /// Functions that are being made, changed or deleted.
    fn play_states(&self, memory: &Memory, verdict: &mut Verdict) {
        let (facts, is_read) = (self.facts, self.facts.verb() == Verb::Read);
        let past = memory.past("lambda", &facts.resource);
        let is_deleting = self.rule.fault == Fault::FunctionDeleting && self.is_fresh(past.deleted_ms, &facts.resource);
        if is_deleting {
            let ghost = past.ghost.filter(|_| is_read).map(Instead::Ghost);
            verdict.instead.get_or_insert(ghost.unwrap_or(Instead::Refuse(Refusal::InState("Deleting"))));
        }
        if self.rule.fault == Fault::FunctionDeleting {
            return;
        }
        let is_pending = self.is_fresh(past.made_ms, &facts.resource);
        let is_updating = self.is_fresh(past.changed_ms, &facts.resource);
        // What is made or changed by this very request is under way from its answer on.
        let begins = matches!(facts.operation.as_str(), "CreateFunction" | "UpdateFunctionCode" | "UpdateFunctionConfiguration");
        match (is_pending, is_updating) {
            (true, _) if is_read => verdict.then.push(Then::State { state: "Pending", is_update: false }),
            (_, true) if is_read => verdict.then.push(Then::State { state: "InProgress", is_update: true }),
            (true, _) if facts.operation != "CreateFunction" => {
                verdict.instead.get_or_insert(Instead::Refuse(Refusal::InState("Pending")));
            }
            (_, true) if facts.operation != "CreateFunction" => {
                verdict.instead.get_or_insert(Instead::Refuse(Refusal::Conflict));
            }
            _ if facts.operation == "CreateFunction" => verdict.then.push(Then::State { state: "Pending", is_update: false }),
            _ if begins => verdict.then.push(Then::State { state: "InProgress", is_update: true }),
            _ => {}
        }
    }
}
