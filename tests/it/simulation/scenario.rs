//! A life, drawn from a seed, as data: it can be told, and made shorter.

use super::sabotage::Sabotage;
use super::wall::{LEAPS_SECONDS, Leap};
use super::wish::Wish;
use std::fmt;

/// Numbers that look random and are the same for the same seed.
pub struct Random(u64);

impl Random {
    /// The next number (SplitMix64).
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }
}

/// A life.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    pub seed: u64,
    pub rounds: Vec<Round>,
    /// A law that is broken on purpose, for a test of the laws.
    pub sabotage: Option<Sabotage>,
}

/// One run, and what goes wrong in it; before it, people change things.
#[derive(Clone, Debug, PartialEq)]
pub struct Round {
    /// Whose it is: the project has a second stage in the same account.
    pub stage: Option<&'static str>,
    pub meddling: Vec<Meddling>,
    pub verb: Verb,
    pub wish: Wish,
    /// A fault plan's rules, each as text.
    pub faults: Vec<String>,
    pub kill: Option<Kill>,
    /// When the clock of the machine is set.
    pub leaps: Vec<Leap>,
    /// Whether it takes over what others have made.
    pub adopts: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verb {
    Up,
    Destroy,
}

/// When the process dies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kill {
    /// When so many calls were sent; the last one still arrives.
    AtCall(u64),
    /// At so many writes to the journal or the state, with only this part of the last one written.
    AtWrite(u64, u64),
    /// Right after so many writes.
    AfterWrite(u64),
    /// It does not die: after so many calls it is asked to end (Ctrl-C).
    Interrupt(u64),
}

/// What people do behind lambdo's back. The number says to which of those that are there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Meddling {
    DeleteFunction(u64),
    ChangeFunction(u64),
    RemoveStatement(u64),
    DeleteGroup(u64),
    ChangeRetention(u64),
    RemoveTargets(u64),
    DeleteRule(u64),
    EmptyRole(u64),
    /// A statement in a function's policy that is not ours, and stays.
    AddStatement(u64),
    /// A target of a rule that is not ours, and stays.
    AddTarget(u64),
    /// A role or a log group with a name that we may want.
    Namesake(u64),
    /// The state is lost, and made anew before the run.
    LoseState,
}

/// AWS's own quotas, with nobody else in the account.
pub const KEPT_QUOTAS: &str = "fault = \"quotas\"";

/// Rules that a run must get through by itself.
const SURVIVED: [&str; 28] = [
    "fault = \"role_not_assumable\"\nfor_ms = [3000, 20000]",
    "fault = \"update_in_progress\"\nfor_ms = [1000, 5000]",
    "fault = \"throttle\"\nprobability = 0.33",
    "fault = \"throttle\"\nservice = \"lambda\"\nprobability = 0.5\nretry_after_seconds = 2",
    KEPT_QUOTAS,
    "fault = \"quotas\"\nrate_percent = 40",
    "fault = \"answer_lost\"\ncount = 1",
    "fault = \"answer_lost\"\noperation = \"Create*\"\ncount = 1",
    "fault = \"answer_lost\"\nprobability = 0.2",
    "fault = \"cut\"\nprobability = 0.1",
    "fault = \"unavailable\"\nprobability = 0.1",
    "fault = \"statement_lost\"",
    "fault = \"failed_entries\"\ncount = 2",
    "fault = \"late_reads\"\nfor_ms = [500, 3000]",
    "fault = \"unseen\"\nfor_ms = [500, 3000]",
    "fault = \"role_id_for_arn\"",
    "fault = \"delete_conflict\"",
    "fault = \"respelled_policies\"",
    "fault = \"empty_page\"",
    "fault = \"conflict\"\ncount = 2",
    "fault = \"function_deleting\"",
    "fault = \"unknown_words\"",
    "fault = \"delay\"\nfor_ms = [0, 4000]",
    "fault = \"denied\"\noperation = \"GetAccountAuthorizationDetails\"",
    "fault = \"denied\"\noperation = \"ListFunctions\"",
    "fault = \"denied\"\noperation = \"ListRules\"",
    "fault = \"denied\"\noperation = \"ListRoles\"",
    "fault = \"denied\"\noperation = \"ListLayers\"",
];

/// Rules that a run need not survive.
const FATAL: [&str; 5] = [
    "fault = \"environment_hidden\"",
    "fault = \"tags_hidden\"",
    "fault = \"expired_credentials\"\nafter = \"CreateRole\"\nskip = 1",
    "fault = \"denied\"\nprobability = 0.1",
    "fault = \"quota_full\"\nprobability = 0.5",
];

impl Scenario {
    /// The life of a seed.
    pub fn of(seed: u64) -> Self {
        let mut random = Random(seed);
        let mut wishes = [Wish::draw(&mut random), Wish::draw(&mut random)];
        let mut rounds = Vec::<Round>::new();
        for number in 0..=random.below(4) {
            let stage = (number > 0 && random.one_in(5)).then_some("dev");
            let wish = &mut wishes[usize::from(stage.is_some())];
            let is_later = rounds.iter().any(|round| round.stage == stage);
            if is_later {
                *wish = wish.edited(&mut random);
            }
            rounds.push(Round::draw(&mut random, stage, wish.clone(), is_later));
        }
        // Numbers of their own: what is drawn besides stays as it was.
        let mut random = Random(seed ^ 0x6c65_6170);
        for round in &mut rounds {
            round.leaps = Leap::draw(&mut random);
        }
        Self { seed, rounds, sabotage: None }
    }

    /// The last wish of a stage, with nothing that goes wrong; none where it had no run.
    pub fn last(&self, stage: Option<&'static str>) -> Option<Round> {
        let mut rounds = self.rounds.iter().filter(|round| round.stage == stage);
        let adopts = self.rounds.iter().any(Round::has_namesakes);
        let mut last = Round { adopts, ..Round::quiet(stage, Verb::Up, &rounds.next_back()?.wish) };
        last.wish.protects = false;
        Some(last)
    }

    /// Whether the last runs look at what costs a call each: else they see of a log group that was made anew what others see.
    pub fn is_deep(&self) -> bool {
        self.seed.is_multiple_of(2)
    }

    /// Whether something of a stage could not be deleted for a while.
    pub fn protects(&self, stage: Option<&str>) -> bool {
        self.rounds.iter().any(|round| round.stage == stage && round.wish.protects && round.wish.shared_role)
    }

    /// The same wish with what was protected, which is not any more.
    pub fn released(&self, last: &Round) -> Round {
        let mut released = last.clone();
        released.wish.shared_role = true;
        released
    }

    /// Whether strangers add to what is ours.
    pub fn has_additions(&self) -> bool {
        let adds = |meddling: &Meddling| matches!(meddling, Meddling::AddStatement(_) | Meddling::AddTarget(_));
        self.rounds.iter().any(|round| round.meddling.iter().any(adds))
    }

    /// Whether functions are made anew at times: of an image, or under another name.
    pub fn remakes(&self) -> bool {
        self.rounds.iter().any(|round| round.wish.functions.values().any(|function| function.is_image || function.renamed.is_some()))
    }

    /// Whether it may be refused to begin with this round.
    pub fn may_be_refused(&self, index: usize) -> bool {
        self.protects(self.rounds[index].stage)
            || (self.has_additions() && self.remakes())
            || self.rounds[..=index].iter().any(Round::has_namesakes)
    }

    /// The same with one thing less, each in turn.
    pub fn shorter(&self) -> Vec<Self> {
        let mut all = Vec::new();
        for index in 0..self.rounds.len() {
            let without = |change: &dyn Fn(&mut Round)| {
                let mut scenario = self.clone();
                change(&mut scenario.rounds[index]);
                scenario
            };
            let mut scenario = self.clone();
            scenario.rounds.remove(index);
            all.push(scenario);
            let round = &self.rounds[index];
            all.extend((0..round.faults.len()).map(|fault| without(&|round| drop(round.faults.remove(fault)))));
            for meddling in 0..round.meddling.len() {
                all.push(without(&|round| {
                    round.meddling.remove(meddling);
                }));
            }
            if round.kill.is_some() {
                all.push(without(&|round| round.kill = None));
            }
            if !round.leaps.is_empty() {
                all.push(without(&|round| round.leaps.truncate(round.leaps.len() - 1)));
            }
            if round.adopts {
                all.push(without(&|round| round.adopts = false));
            }
            if round.wish.shared_role || round.wish.layer.is_some() || round.wish.repository.is_some() {
                all.push(without(&|round| (round.wish.shared_role, round.wish.layer, round.wish.repository) = (false, None, None)));
            }
            for name in round.wish.functions.keys() {
                all.push(without(&|round| drop(round.wish.functions.remove(name))));
            }
        }
        all
    }
}

impl Round {
    fn draw(random: &mut Random, stage: Option<&'static str>, wish: Wish, is_later: bool) -> Self {
        let meddling = if is_later && random.one_in(2) { (0..=random.below(2)).map(|_| Meddling::draw(random)).collect() } else { vec![] };
        let verb = if is_later && random.one_in(6) { Verb::Destroy } else { Verb::Up };
        let fault = |random: &mut Random| if random.one_in(6) { *random.pick(&FATAL) } else { *random.pick(&SURVIVED) };
        let faults = (0..random.below(4)).map(|_| fault(random).to_owned()).collect();
        let kill = random.one_in(2).then(|| match random.below(4) {
            0 => Kill::AtCall(1 + random.below(60)),
            1 => Kill::AtWrite(1 + random.below(30), random.below(1_000)),
            2 => Kill::Interrupt(1 + random.below(60)),
            _ => Kill::AfterWrite(1 + random.below(30)),
        });
        Self { stage, meddling, verb, wish, faults, kill, leaps: vec![], adopts: random.one_in(6) }
    }

    /// A run in which nothing goes wrong.
    pub fn quiet(stage: Option<&'static str>, verb: Verb, wish: &Wish) -> Self {
        Self { stage, meddling: vec![], verb, wish: wish.clone(), faults: vec![], kill: None, leaps: vec![], adopts: false }
    }

    fn has_namesakes(&self) -> bool {
        self.meddling.iter().any(|meddling| matches!(meddling, Meddling::Namesake(_)))
    }

    /// Whether something goes wrong that a run cannot get through by itself.
    pub fn is_fatal(&self) -> bool {
        self.faults.iter().any(|rule| FATAL.contains(&rule.as_str()))
    }

    /// Whether a run must get through all of this by itself. Calls that are lost are sent again a few times, and several faults
    /// that lose them may be too many.
    pub fn must_succeed(&self) -> bool {
        let is_lossy = |rule: &&String| ["answer_lost", "cut", "unavailable"].iter().any(|fault| rule.contains(fault));
        self.kill.is_none() && !self.is_fatal() && self.faults.iter().filter(is_lossy).count() < 2
    }

    /// The rule that keeps AWS's quotas where nothing else is throttled, and how many of so many calls it may refuse: whether
    /// the cloud keeps quotas at all is found out by sending a few too many.
    pub fn most_refused(&self, calls: u64) -> Option<(usize, u64)> {
        let is_alone = self.faults.len() == 1;
        let rule = self.faults.iter().position(|rule| rule == KEPT_QUOTAS)?;
        is_alone.then_some((rule, 10 + calls / 10))
    }

    /// The fault plan, where there is one.
    pub fn plan(&self, seed: u64) -> Option<String> {
        let rules: String = self.faults.iter().map(|rule| format!("[[rule]]\n{rule}\n")).collect();
        (!self.faults.is_empty()).then(|| format!("seed = {seed}\n{rules}"))
    }
}

impl Leap {
    fn draw(random: &mut Random) -> Vec<Self> {
        let leaps = if random.one_in(3) { 1 + random.below(2) } else { 0 };
        (0..leaps).map(|_| Self { at_call: 1 + random.below(60), by_seconds: *random.pick(&LEAPS_SECONDS) }).collect()
    }
}

impl Meddling {
    fn draw(random: &mut Random) -> Self {
        let which = random.below(4);
        match random.below(13) {
            0 => Self::DeleteFunction(which),
            1 => Self::ChangeFunction(which),
            2 => Self::RemoveStatement(which),
            3 => Self::DeleteGroup(which),
            4 => Self::ChangeRetention(which),
            5 => Self::RemoveTargets(which),
            6 => Self::DeleteRule(which),
            7 => Self::EmptyRole(which),
            8 => Self::AddStatement(which),
            9 => Self::AddTarget(which),
            10 => Self::Namesake(random.below(10)),
            _ => Self::LoseState,
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, round) in self.rounds.iter().enumerate() {
            let Round { stage, meddling, verb, wish, faults, kill, leaps, adopts } = round;
            writeln!(
                formatter,
                "--- round {}: {verb:?} of {stage:?}, adopts {adopts}, kill {kill:?}, {leaps:?}, before it {meddling:?}",
                index + 1
            )?;
            faults.iter().try_for_each(|rule| writeln!(formatter, "    {}", rule.replace('\n', ", ")))?;
            write!(formatter, "{}", wish.text(*stage))?;
        }
        Ok(())
    }
}
