//! What a project asks for: a few functions with what belongs to them, and how that changes between two runs.

use super::scenario::Random;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// A project.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wish {
    pub functions: BTreeMap<String, Function>,
    /// Whether functions share one role.
    pub shared_role: bool,
    /// The layer that all functions have, if there is one.
    pub layer: Option<u64>,
    /// Whether the file lists the functions from behind.
    pub is_reversed: bool,
    /// Whether the shared role may not be deleted.
    pub protects: bool,
    /// The repository for images, if there is one.
    pub repository: Option<u64>,
    /// Whether packages are so large that they go through S3.
    pub is_large: bool,
    /// What functions are told that nobody else may know.
    pub secret: u64,
    /// Functions that have another name now, by the name that they had.
    pub moved: BTreeMap<String, String>,
    /// Names in the spec that functions have moved away from, which keep them in AWS.
    pub left: BTreeSet<String>,
}

/// A function and what belongs to it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Function {
    /// Another mark is another program.
    pub mark: u64,
    pub level: Option<u64>,
    pub timeout: Option<u64>,
    pub retention: bool,
    pub description: Option<u64>,
    /// Another name in AWS, which makes another function of it.
    pub renamed: Option<u64>,
    /// Whether a pattern of events calls it.
    pub listens: Option<u64>,
    pub managed: bool,
    pub is_off: bool,
    pub team: Option<u64>,
    pub reserved: bool,
    /// Rules, by name, with how many days lie between two calls.
    pub rules: BTreeMap<String, u64>,
    /// Statements for others, by name, with their topic.
    pub permissions: BTreeMap<String, u64>,
    pub allow: Option<u64>,
    pub shares_role: bool,
    /// Whether it is told the secret.
    pub knows: bool,
    /// Whether its timeout is left to others, once it is there.
    pub ignores: bool,
    /// Whether it is made of an image.
    pub is_image: bool,
}

/// Where packages go that are too large for a call.
pub const BUCKET: &str = "packages";
pub const NAMES: [&str; 5] = ["api", "cron", "hash", "mail", "sync"];
const ZIP: &str = "runtime = \"provided.al2023\"\nhandler = \"bootstrap\"\ncode = { file = \"bootstrap\" }\n";
const IMAGE: &str = "image = { base = \"scratch\", files = { bootstrap = \"bootstrap\" }, entry_point = [\"/bootstrap\"] }\n";
const RULES: [&str; 2] = ["daily", "nightly"];
const PARTNERS: [&str; 2] = ["billing", "partner"];

impl Wish {
    /// One to four functions.
    pub fn draw(random: &mut Random) -> Self {
        let mut wish = Self { shared_role: random.one_in(3), ..Self::default() };
        wish.layer = random.one_in(4).then(|| random.below(3));
        wish.protects = random.one_in(6);
        wish.repository = random.one_in(6).then(|| random.below(3));
        wish.is_large = random.one_in(6);
        for _ in 0..=random.below(3) {
            let name = *random.pick(&NAMES);
            wish.functions.insert(name.to_owned(), Function::draw(random));
        }
        wish
    }

    /// The next wish: something is added, removed, renamed, changed or listed in another order.
    pub fn edited(&self, random: &mut Random) -> Self {
        let mut wish = self.clone();
        for _ in 0..=random.below(2) {
            let known: Vec<String> = wish.functions.keys().cloned().collect();
            let chosen = (!known.is_empty()).then(|| random.pick(&known).clone());
            match (random.below(14), chosen) {
                (0, _) | (_, None) => {
                    wish.insert(random.pick::<&str>(&NAMES), Function::draw(random));
                }
                (1, Some(name)) => drop(wish.functions.remove(&name)),
                (2, Some(name)) => {
                    if let Some(function) = wish.functions.remove(&name) {
                        wish.insert(random.pick::<&str>(&NAMES), function);
                    }
                }
                (3, _) => wish.is_reversed = !wish.is_reversed,
                (4, _) => wish.shared_role = !wish.shared_role,
                (5, _) => wish.layer = (!random.one_in(3)).then(|| random.below(3)),
                (6, Some(name)) => wish.move_to(&name, random.pick::<&str>(&NAMES)),
                (7, _) => wish.protects = !wish.protects,
                (8, _) => wish.secret += 1,
                (10, _) => wish.is_large = !wish.is_large,
                (9, _) => wish.repository = random.one_in(2).then(|| random.below(3)),
                (_, Some(name)) => wish.functions.entry(name).or_default().change(random),
            }
        }
        wish
    }

    /// A function with this name, unless another one still has the name in AWS that it would get.
    fn insert(&mut self, name: &str, function: Function) {
        if !self.left.contains(name) {
            self.moved.retain(|_, to| to != name);
            self.functions.insert(name.to_owned(), function);
        }
    }

    fn move_to(&mut self, from: &str, to: &str) {
        if !self.functions.contains_key(to)
            && !self.left.contains(to)
            && let Some(function) = self.functions.remove(from)
        {
            self.left.insert(from.to_owned());
            self.moved.retain(|_, other| other != to);
            self.moved.insert(from.to_owned(), to.to_owned());
            self.functions.insert(to.to_owned(), function);
        }
    }

    /// What stands in `moved`: only where a function has gone and come that way.
    fn moves(&self) -> String {
        let is_told = |(from, to): &(&String, &String)| !self.functions.contains_key(*from) && self.functions.contains_key(*to);
        let moves = self.moved.iter().filter(is_told);
        let moves: Vec<String> = moves.map(|(from, to)| format!("{{ from = \"function.{from}\", to = \"function.{to}\" }}")).collect();
        format!("moved = [{}]\n", moves.join(", "))
    }

    /// The file. Only a stage's names it.
    pub fn text(&self, stage: Option<&str>) -> String {
        let mut text = "project = \"demo\"\n".to_owned() + &self.moves();
        text += "[aws]\nregion = \"eu-central-1\"\n";
        if self.is_large {
            text += &format!("code_bucket = \"{BUCKET}\"\n");
        }
        stage.iter().for_each(|stage| text += &format!("[stage.{stage}.aws]\nregion = \"eu-central-1\"\n"));
        if let Some(number) = self.repository {
            text += &format!("[ecr.images]\nlifecycle_policy = {{}}\ntags = {{ number = \"{number}\" }}\n");
        }
        if self.shared_role {
            text += "[role.shared]\n";
            text += if self.protects { "protect = true\n" } else { "" };
            text += "allow = [{ action = \"s3:ListBucket\", resource = \"*\" }]\n";
        }
        if self.layer.is_some() {
            text += "[layer.deps]\ncode = { file = \"deps\" }\ncompatible_runtimes = [\"provided.al2023\"]\n";
        }
        let mut functions: Vec<_> = self.functions.iter().collect();
        if self.is_reversed {
            functions.reverse();
        }
        functions.into_iter().for_each(|(name, function)| text += &function.text(name, self, stage));
        text
    }
}

impl Function {
    fn draw(random: &mut Random) -> Self {
        let mut function = Self { mark: random.below(3), ..Self::default() };
        (0..random.below(5)).for_each(|_| function.change(random));
        function
    }

    fn change(&mut self, random: &mut Random) {
        let value = |random: &mut Random| (!random.one_in(3)).then(|| random.below(3));
        let toggle = |map: &mut BTreeMap<String, u64>, name: &str, random: &mut Random| match map.remove(name) {
            Some(_) if random.one_in(2) => {}
            _ => drop(map.insert(name.to_owned(), 1 + random.below(3))),
        };
        match random.below(18) {
            16 => self.is_image = !self.is_image,
            0 => self.mark = random.below(3),
            1 => self.level = value(random),
            2 => self.timeout = value(random),
            3 => self.retention = !self.retention,
            4 => self.team = value(random),
            5 => self.reserved = !self.reserved,
            6 => {
                let rule = *random.pick(&RULES);
                toggle(&mut self.rules, rule, random);
            }
            7 => {
                let partner = *random.pick(&PARTNERS);
                toggle(&mut self.permissions, partner, random);
            }
            8 => self.allow = value(random),
            9 => self.description = value(random),
            10 => self.renamed = value(random),
            11 => self.listens = value(random),
            12 => self.managed = !self.managed,
            13 => self.is_off = !self.is_off,
            14 => self.knows = !self.knows,
            15 => self.ignores = !self.ignores,
            _ => self.shares_role = !self.shares_role,
        }
    }

    fn text(&self, name: &str, wish: &Wish, stage: Option<&str>) -> String {
        let mut text = format!("[function.{name}]\n") + if self.is_image { IMAGE } else { ZIP };
        let mut line = |line: String| text += &(line + "\n");
        self.level.iter().for_each(|level| line(format!("environment.LEVEL = \"{level}\"\nenvironment.MODE = \"x\"")));
        if self.knows {
            line("environment.TOKEN = { file = \"secret\" }".to_owned());
        }
        if self.ignores {
            line("ignore = [\"timeout\"]".to_owned());
        }
        self.timeout.iter().for_each(|timeout| line(format!("timeout = {}", 5 + timeout)));
        self.team.iter().for_each(|team| line(format!("tags = {{ team = \"t{team}\" }}")));
        if self.reserved {
            line("reserved_concurrent_executions = 3".to_owned());
        }
        self.description.iter().for_each(|number| line(format!("description = \"number {number}\"")));
        self.renamed.iter().for_each(|number| {
            line(format!("function_name = \"demo-{}{name}-{number}\"", stage.map_or_else(String::new, |stage| format!("{stage}-"))))
        });
        if self.retention {
            line("log_group.retention_in_days = 14".to_owned());
        }
        if wish.layer.is_some() && !self.is_image {
            line("layers = [\"${layer.deps.arn}\"]".to_owned());
        }
        let shares_role = self.shares_role && wish.shared_role;
        if self.managed && !shares_role {
            line("role.managed_policies = [\"AmazonSQSReadOnlyAccess\"]".to_owned());
        }
        match (shares_role, &self.allow) {
            (true, _) => line("role = \"shared\"".to_owned()),
            (false, Some(allow)) => line(format!("role.allow = [{{ action = \"s3:GetObject\", resource = \"arn:aws:s3:::b{allow}/*\" }}]")),
            (false, None) => {}
        }
        for (rule, days) in &self.rules {
            let _ = writeln!(text, "[function.{name}.event_rule.{rule}]\nschedule_expression = \"rate({} days)\"", days + 1);
            let _ = writeln!(text, "enabled = {}\ninput = {{ days = {days} }}", !self.is_off);
        }
        if let Some(source) = self.listens {
            let _ = writeln!(text, "[function.{name}.event_rule.heard]\nevent_pattern = {{ source = [\"source{source}\"] }}");
        }
        for (partner, topic) in &self.permissions {
            let arn = format!("arn:aws:sns:eu-central-1:123456789012:topic{topic}");
            let _ = writeln!(text, "[function.{name}.permission.{partner}]\nprincipal = \"sns.amazonaws.com\"\nsource_arn = \"{arn}\"");
        }
        text
    }
}
