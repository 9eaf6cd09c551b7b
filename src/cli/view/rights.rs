//! Who may do what once a plan is applied that could not before, and who may not any more: roles, who may invoke
//! functions, who may use repositories. Layers have no word for it in the spec: lambdo gives nobody a right to one.

use super::human::{Purpose, before, comparable, output, words};
use super::statements::{Atom, Clause, clauses, of_policy, of_trust};
use crate::model::{Action, Address, Change, Compare, Path, Plan, Reason, Step, Value};
use std::collections::{BTreeMap, BTreeSet};

const ROLE: &str = "role";
const PERMISSION: &str = "permission";
const FUNCTION: &str = "function";
const REPOSITORY: &str = "ecr";
/// What stands before a right of everybody.
const PUBLIC: &str = "PUBLIC";
/// The way of taking over a role that goes without saying.
const ASSUME_ROLE: &str = "sts:AssumeRole";
/// The managed policy that allows everything.
const ADMINISTRATOR: &str = ":policy/AdministratorAccess";

/// Whether a right comes, goes or stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// It comes.
    Given,
    /// It goes.
    Taken,
    /// It stays; told where its neighbours change.
    Kept,
}

/// One right in words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// Whether it comes or goes.
    pub sign: Sign,
    /// Whether it opens something to everybody, or everything to somebody.
    pub is_alarming: bool,
    /// What it says.
    pub text: String,
}

impl Right {
    fn new(sign: Sign, text: String) -> Self {
        Self { sign, is_alarming: false, text: words(&text) }
    }

    /// Puts `word` before a right that comes and that nobody should overlook.
    fn alarming(mut self, word: Option<&str>) -> Self {
        if let Some(word) = word.filter(|_| self.sign == Sign::Given) {
            (self.is_alarming, self.text) = (true, format!("{word}: {}", self.text));
        }
        self
    }
}

/// What a plan changes about the rights of a role, or about who may call a function or use a repository.
#[derive(Clone, Debug)]
pub struct Holder<'a> {
    /// The role, the permission or the repository.
    pub address: &'a Address,
    /// What is done with it.
    pub action: Action,
    /// Its rights, those that come first.
    pub rights: Vec<Right>,
}

impl Holder<'_> {
    /// Whether a sentence of it begins with who holds the right; the others say it themselves.
    pub fn is_named(&self) -> bool {
        self.address.kind == ROLE
    }
}

/// All of them, those first that open something to everybody.
pub fn holders<'a>(plan: &'a Plan, steps: &'a [Step], purpose: Purpose) -> Vec<Holder<'a>> {
    let without_function: BTreeSet<&str> = plan
        .steps
        .iter()
        .filter(|step| step.action == Action::Delete && step.address.kind == FUNCTION)
        .map(|step| step.address.name.as_str())
        .collect();
    let of = |step: &'_ Step| match step.address.kind.as_str() {
        PERMISSION if purpose == Purpose::Drift && step.reason == Reason::MissingInAws => vec![gone(step)],
        _ if purpose == Purpose::Drift && step.reason == Reason::MissingInAws => Vec::new(),
        ROLE => role_rights(&sides(step, plan, purpose)),
        PERMISSION if step.action == Action::Delete && without_function.contains(step.address.name.as_str()) => Vec::new(),
        PERMISSION if step.action == Action::Delete => vec![gone(step)],
        PERMISSION => permission_right(step, &sides(step, plan, purpose)).into_iter().collect(),
        // What goes with its repository was about nothing else.
        REPOSITORY if step.action != Action::Delete => repository_rights(step, &sides(step, plan, purpose), &plan.target.account),
        _ => Vec::new(),
    };
    let changed = steps.iter().filter(|step| step.action != Action::NoOp);
    let mut holders: Vec<Holder<'_>> = changed
        .map(|step| Holder { address: &step.address, action: step.action, rights: of(step) })
        .filter(|holder| !holder.rights.is_empty())
        .collect();
    for holder in &mut holders {
        holder.rights.sort_by_key(|right| (!right.is_alarming, !right.text.starts_with(PUBLIC), right.sign));
    }
    holders.sort_by_key(|holder| !holder.rights.iter().any(|right| right.is_alarming));
    holders
}

/// What stood at a path and what will.
struct Sides {
    before: Option<Value>,
    after: Option<Value>,
}

/// What a step does to each path: its changes, and for something made anew what its operations carry, which is what it
/// had before where it is replaced.
fn sides(step: &Step, plan: &Plan, purpose: Purpose) -> BTreeMap<Path, Sides> {
    if purpose == Purpose::Drift {
        let side = |change: &Change| (change.path.clone(), Sides { before: change.applied.clone(), after: change.live.clone() });
        return step.changes.iter().map(side).collect();
    }
    let is_new = step.action == Action::Create;
    let side = |change: &Change| {
        let before = before(change).filter(|_| !is_new).cloned();
        (change.path.clone(), Sides { before, after: change.desired.clone() })
    };
    let mut all: BTreeMap<Path, Sides> = step.changes.iter().map(side).collect();
    if matches!(step.action, Action::Create | Action::Replace | Action::Adopt) {
        let operations = step.operations.iter().filter_map(|id| plan.operations.get(id.0));
        for carry in operations.flat_map(|operation| &operation.carries).filter(|carry| carry.value.is_some()) {
            let before = carry.value.clone().filter(|_| step.action == Action::Replace);
            all.entry(carry.path.clone()).or_insert_with(|| Sides { before, after: carry.value.clone() });
        }
    }
    all
}

fn role_rights(sides: &BTreeMap<Path, Sides>) -> Vec<Right> {
    let mut rights = Vec::new();
    for (path, sides) in sides {
        let (before, after) = (sides.before.as_ref(), sides.after.as_ref());
        match (path.first(), path.0.get(1)) {
            ("trust_policy", None) => rights.extend(trust_rights(before, after)),
            ("inline_policy", Some(name)) => rights.extend(policy_rights(name, before, after)),
            ("inline_policy", None) => {
                let names: BTreeSet<&String> =
                    [before, after].into_iter().flatten().filter_map(Value::as_table).flat_map(|table| table.keys()).collect();
                let at = |side: Option<&Value>, name: &str| side.and_then(Value::as_table).and_then(|table| table.get(name)).cloned();
                rights.extend(names.into_iter().flat_map(|name| policy_rights(name, at(before, name).as_ref(), at(after, name).as_ref())));
            }
            ("managed_policies", Some(arn)) => rights.push(managed(if after.is_some() { Sign::Given } else { Sign::Taken }, arn)),
            ("managed_policies", None) => {
                let (before, after) = (before.map(Value::strings).unwrap_or_default(), after.map(Value::strings).unwrap_or_default());
                rights.extend(before.iter().filter(|arn| !after.contains(arn)).map(|arn| managed(Sign::Taken, arn)));
                rights.extend(after.iter().filter(|arn| !before.contains(arn)).map(|arn| managed(Sign::Given, arn)));
            }
            // A boundary takes away what is outside of it, so its coming and going are told as what they are.
            ("permissions_boundary", _) => {
                let text = |value: Option<&Value>| value.map_or_else(|| "(none)".into(), output);
                rights.push(Right::new(Sign::Kept, format!("permissions boundary: {} -> {}", text(before), text(after))));
            }
            _ => {}
        }
    }
    rights
}

fn managed(sign: Sign, arn: &str) -> Right {
    Right::new(sign, format!("managed policy {arn}")).alarming(arn.ends_with(ADMINISTRATOR).then_some("EVERYTHING"))
}

fn trust_rights(before: Option<&Value>, after: Option<&Value>) -> Vec<Right> {
    compared(before, after, of_trust, &|sign, clause| {
        let may = if clause.is_denied { "may not" } else { "may" };
        let way = match clause.actions.as_slice() {
            [action] if action == ASSUME_ROLE => String::new(),
            actions => format!(" ({})", actions.join(", ")),
        };
        let is_public = !clause.is_denied && clause.condition.is_empty() && clause.objects.iter().any(|principal| principal == "*");
        let text = format!("{may} be assumed by {}{way}{}", clause.objects.join(", "), clause.condition);
        Right::new(sign, text).alarming(is_public.then_some(PUBLIC))
    })
    .unwrap_or_else(|| whole("trust policy", before, after))
}

fn policy_rights(name: &str, before: Option<&Value>, after: Option<&Value>) -> Vec<Right> {
    // What `allow` in the spec became says so by itself.
    let policy = if name == "allow" { String::new() } else { format!("{name}: ") };
    compared(before, after, of_policy, &|sign, clause| {
        let verb = if clause.is_denied { "deny" } else { "allow" };
        let is_everything = |words: &[String]| words.iter().any(|word| word == "*" || word == "*:*");
        let is_all = !clause.is_denied && is_everything(&clause.actions) && is_everything(&clause.objects) && clause.condition.is_empty();
        let text = format!("{policy}{verb} {} on {}{}", clause.actions.join(", "), clause.objects.join(", "), clause.condition);
        Right::new(sign, text).alarming(is_all.then_some("EVERYTHING"))
    })
    .unwrap_or_else(|| whole(&format!("policy {name}"), before, after))
}

/// Who may do what with a repository, statement by statement.
fn repository_rights(step: &Step, sides: &BTreeMap<Path, Sides>, own_account: &str) -> Vec<Right> {
    let mut rights = Vec::new();
    for (path, sides) in sides.iter().filter(|(path, _)| path.first() == "repository_policy") {
        let (before, after) = (sides.before.as_ref(), sides.after.as_ref());
        let statements = match path.0.get(1) {
            Some(sid) => vec![(sid.as_str(), before, after)],
            None => {
                let tables = [before, after].map(|side| side.and_then(Value::as_table));
                let names: BTreeSet<&String> = tables.iter().flatten().flat_map(|table| table.keys()).collect();
                names
                    .into_iter()
                    .map(|sid| (sid.as_str(), tables[0].and_then(|table| table.get(sid)), tables[1].and_then(|table| table.get(sid))))
                    .collect()
            }
        };
        rights.extend(
            statements.into_iter().flat_map(|(sid, before, after)| statement_rights(&step.address, sid, before, after, own_account)),
        );
    }
    rights
}

fn statement_rights(address: &Address, sid: &str, before: Option<&Value>, after: Option<&Value>, own_account: &str) -> Vec<Right> {
    compared(before, after, of_trust, &|sign, clause| {
        let is_public = clause.objects.iter().any(|principal| principal == "*" || principal.starts_with("all but "));
        let word = match () {
            () if clause.is_denied => None,
            () if is_public && clause.condition.is_empty() => Some(PUBLIC),
            () if is_public || clause.objects.iter().any(|principal| is_foreign(principal, own_account)) => Some("OTHER ACCOUNTS"),
            () => None,
        };
        let who: Vec<&str> = clause.objects.iter().map(|who| if who == "*" { "anybody" } else { who }).collect();
        let verb = if clause.is_denied { "may not" } else { "may" };
        Right::new(sign, format!("{} {verb} {} on {address}{}", who.join(", "), clause.actions.join(", "), clause.condition)).alarming(word)
    })
    .unwrap_or_else(|| whole(&format!("statement {sid} of {address}"), before, after))
}

/// Whether a principal is another account, or somebody in it: a number, or an ARN with one.
fn is_foreign(principal: &str, own_account: &str) -> bool {
    let account = match principal.strip_prefix("arn:") {
        Some(arn) => arn.split(':').nth(3).unwrap_or_default(),
        None => principal,
    };
    account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()) && account != own_account
}

/// What comes, goes and stays between two documents; `None` where one of them cannot be taken apart.
fn compared(
    before: Option<&Value>,
    after: Option<&Value>,
    taken_apart: fn(&Value) -> Option<BTreeSet<Atom>>,
    right: &dyn Fn(Sign, &Clause) -> Right,
) -> Option<Vec<Right>> {
    let (before, after) = match (before, after) {
        (Some(before), Some(after)) => {
            let (before, after) = comparable(before, after, Compare::Policy);
            (Some(before), Some(after))
        }
        (before, after) => (before.cloned(), after.cloned()),
    };
    let atoms = |side: Option<&Value>| side.map_or_else(|| Some(BTreeSet::new()), taken_apart);
    let (before, after) = (atoms(before.as_ref())?, atoms(after.as_ref())?);
    let of = |sign, atoms: Vec<&Atom>| clauses(atoms).iter().map(|clause| right(sign, clause)).collect::<Vec<Right>>();
    let mut rights = of(Sign::Given, after.difference(&before).collect());
    rights.extend(of(Sign::Taken, before.difference(&after).collect()));
    rights.extend(of(Sign::Kept, before.intersection(&after).collect()));
    Some(rights)
}

/// A document that cannot be taken apart, as one piece.
fn whole(what: &str, before: Option<&Value>, after: Option<&Value>) -> Vec<Right> {
    let right = |sign, value: &Value| Right::new(sign, format!("{what}: {}", super::human::value(Some(value))));
    let given = after.map(|value| right(Sign::Given, value));
    given.into_iter().chain(before.map(|value| right(Sign::Taken, value))).collect()
}

/// What went with a statement that is not there any more is not known; whose it was is.
fn gone(step: &Step) -> Right {
    let statement = step.physical_id.as_ref().map_or("", |id| id.as_str().rsplit('/').next().unwrap_or_default());
    Right::new(Sign::Taken, format!("statement {statement} of {FUNCTION}.{}, which lets somebody invoke it", step.address.name))
}

fn permission_right(step: &Step, sides: &BTreeMap<Path, Sides>) -> Option<Right> {
    let function = format!("{FUNCTION}.{}", step.address.name);
    let get = |key: &str| sides.iter().find(|(path, _)| path.first() == key).and_then(|(_, sides)| sides.after.as_ref());
    let principal = output(get("principal")?);
    let way = match get("action").and_then(Value::as_str) {
        None | Some("lambda:InvokeFunction") => format!("may invoke {function}"),
        Some("lambda:InvokeFunctionUrl") => format!("may invoke {function} by its URL"),
        Some(action) => format!("may {action} on {function}"),
    };
    let limits = ["source_account", "principal_org_id", "event_source_token", "function_url_auth_type"].iter().filter_map(|key| {
        // A token is a secret of a sort.
        let shown = if *key == "event_source_token" { "(given)".to_owned() } else { output(get(key)?) };
        get(key).map(|_| format!("{key} {shown}"))
    });
    let limits: Vec<String> = limits.collect();
    let limits = if limits.is_empty() { String::new() } else { format!(", with {}", limits.join(", ")) };
    let is_public = principal == "*";
    let who = if is_public { "anybody" } else { principal.as_str() };
    let source = get("source_arn").map(|arn| format!(" ({})", source(&output(arn)))).unwrap_or_default();
    Some(Right::new(Sign::Given, format!("{who}{source} {way}{limits}")).alarming(is_public.then_some(PUBLIC)))
}

/// A rule by its name, anything else by its ARN.
fn source(arn: &str) -> String {
    let rule = arn.split_once(":rule/").map(|(_, name)| name);
    rule.map_or_else(|| arn.to_owned(), |name| format!("rule {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::view::fixtures::{change, every_action, new_step, operation, plan_of, step};
    use crate::model::{Carry, Cause, OperationId, Table};

    fn told(plan: &Plan) -> String {
        let line = |holder: &Holder<'_>, right: &Right| {
            let sign = match right.sign {
                Sign::Given => '+',
                Sign::Taken => '-',
                Sign::Kept => ' ',
            };
            format!("{sign} {}: {}{}", holder.address, if right.is_alarming { "! " } else { "" }, right.text)
        };
        let holders = holders(plan, &plan.steps, Purpose::Deploy);
        holders
            .iter()
            .flat_map(|holder| holder.rights.iter().map(|right| line(holder, right)).collect::<Vec<_>>())
            .collect::<Vec<_>>()
            .join("\n")
    }

    fn policy(actions: &[&str], resources: &[&str]) -> Value {
        let statement = serde_json::json!({"Effect": "Allow", "Action": actions, "Resource": resources});
        serde_json::json!({"Version": "2012-10-17", "Statement": [statement]}).to_string().as_str().into()
    }

    fn updated(path: &str, before: Option<Value>, after: Option<Value>) -> Plan {
        plan_of(vec![step("role.hash", Action::Update, Reason::InputsChanged, vec![change(path, before, after, Cause::Spec)])])
    }

    /// A plan that makes the resource at `address` with these settings.
    fn made(address: &str, settings: &[(&str, Value)]) -> Plan {
        let mut plan = plan_of(vec![new_step(address)]);
        let mut one = operation(address, Table::new());
        one.carries = settings.iter().map(|(path, value)| Carry::set(path.parse().unwrap(), value.clone())).collect();
        plan.operations = vec![one];
        plan.steps[0].operations = vec![OperationId(0)];
        plan
    }

    #[test]
    fn a_changed_policy_tells_what_comes_and_what_goes() {
        let before = policy(&["s3:GetObject", "s3:PutObject"], &["arn:a", "arn:b"]);
        let after = policy(&["s3:GetObject", "s3:ListBucket"], &["arn:b", "arn:c"]);
        insta::assert_snapshot!(told(&updated("inline_policy.data", Some(before), Some(after))), @r"
        + role.hash: data: allow s3:GetObject, s3:ListBucket on arn:c
        + role.hash: data: allow s3:ListBucket on arn:b
        - role.hash: data: allow s3:GetObject, s3:PutObject on arn:a
        - role.hash: data: allow s3:PutObject on arn:b
          role.hash: data: allow s3:GetObject on arn:b
        ");
    }

    #[test]
    fn statements_in_another_order_are_no_change_of_rights() {
        let text = |first: &str, second: &str| Value::from(format!(r#"{{"Statement":[{first},{second}]}}"#));
        let (one, two) = (r#"{"Effect":"Allow","Action":"a:b","Resource":"*"}"#, r#"{"Effect":"Allow","Action":["c:d"],"Resource":["x"]}"#);
        let told = told(&updated("inline_policy.data", Some(text(one, two)), Some(text(two, one))));
        assert!(told.lines().all(|line| line.starts_with("  ")), "{told}");
    }

    #[test]
    fn what_a_replaced_role_keeps_is_no_news() {
        let mut plan = made("role.hash", &[("inline_policy.data", policy(&["s3:Get"], &["*"]))]);
        plan.steps[0].action = Action::Replace;
        insta::assert_snapshot!(told(&plan), @"  role.hash: data: allow s3:Get on *");
    }

    #[test]
    fn policies_that_come_and_go_are_told_whole() {
        insta::assert_snapshot!(told(&updated("inline_policy.old", Some(policy(&["s3:*"], &["*"])), None)), @"- role.hash: old: allow s3:* on *");
        let lists = (Value::string_list(["arn:a", "arn:b"]), Value::string_list(["arn:b", "arn:aws:iam::aws:policy/AdministratorAccess"]));
        insta::assert_snapshot!(told(&updated("managed_policies", Some(lists.0), Some(lists.1))), @r"
        + role.hash: ! EVERYTHING: managed policy arn:aws:iam::aws:policy/AdministratorAccess
        - role.hash: managed policy arn:a
        ");
        insta::assert_snapshot!(told(&updated("permissions_boundary", None, Some("arn:x".into()))), @"  role.hash: permissions boundary: (none) -> arn:x");
    }

    #[test]
    fn what_cannot_be_taken_apart_is_told_as_it_is() {
        let unknown = Value::reference(&Address::new("http_api", "x"), "arn");
        insta::assert_snapshot!(told(&made("role.hash", &[("inline_policy.data", unknown)])), @"+ role.hash: policy data: (known after apply: http_api.x.arn)");
    }

    #[test]
    fn a_new_role_tells_who_may_assume_it_and_what_it_may_do() {
        let trust = serde_json::json!({"Statement": [
            {"Effect": "Allow", "Principal": {"Service": ["lambda.amazonaws.com", "edgelambda.amazonaws.com"]}, "Action": "sts:AssumeRole"},
            {"Effect": "Deny", "Principal": {"AWS": "123456789012"}, "Action": "sts:AssumeRole"},
            {"Effect": "Allow", "Principal": {"Federated": "x"}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringEquals": {"aud": "y"}}}]});
        let settings = [
            ("trust_policy", Value::from_json(&trust)),
            ("inline_policy", Value::Table(Table::new())),
            ("inline_policy.allow", policy(&["*"], &["*"])),
            ("inline_policy.lambdo-logs", policy(&["logs:PutLogEvents"], &["arn:logs"])),
            (r#"managed_policies."arn:aws:iam::aws:policy/ReadOnlyAccess""#, "arn:aws:iam::aws:policy/ReadOnlyAccess".into()),
        ];
        insta::assert_snapshot!(told(&made("role.hash", &settings)), @r#"
        + role.hash: ! EVERYTHING: allow * on *
        + role.hash: lambdo-logs: allow logs:PutLogEvents on arn:logs
        + role.hash: managed policy arn:aws:iam::aws:policy/ReadOnlyAccess
        + role.hash: may be assumed by edgelambda.amazonaws.com, lambda.amazonaws.com
        + role.hash: may be assumed by x (sts:AssumeRoleWithWebIdentity) when {"StringEquals":{"aud":"y"}}
        + role.hash: may not be assumed by 123456789012
        "#);
        let public = serde_json::json!({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}});
        insta::assert_snapshot!(told(&made("role.hash", &[("trust_policy", Value::from_json(&public))])), @"+ role.hash: ! PUBLIC: may be assumed by *");
    }

    #[test]
    fn a_permission_tells_who_may_invoke_what() {
        let of = |settings: &[(&str, Value)]| told(&made("permission.hash.daily", settings));
        let rule = [
            ("principal", "events.amazonaws.com".into()),
            ("action", "lambda:InvokeFunction".into()),
            ("source_arn", "arn:aws:events:eu-central-1:123456789012:rule/demo-hash-daily".into()),
        ];
        insta::assert_snapshot!(of(&rule), @"+ permission.hash.daily: events.amazonaws.com (rule demo-hash-daily) may invoke function.hash");
        let url = [("principal", "*".into()), ("action", "lambda:InvokeFunctionUrl".into()), ("function_url_auth_type", "NONE".into())];
        insta::assert_snapshot!(of(&url), @"+ permission.hash.daily: ! PUBLIC: anybody may invoke function.hash by its URL, with function_url_auth_type NONE");
        let account =
            [("principal", "123456789012".into()), ("action", "lambda:GetFunction".into()), ("event_source_token", "s3cr3t".into())];
        insta::assert_snapshot!(of(&account), @"+ permission.hash.daily: 123456789012 may lambda:GetFunction on function.hash, with event_source_token (given)");
    }

    fn statement(principal: serde_json::Value, more: serde_json::Value) -> Value {
        let mut statement = serde_json::json!({"Effect": "Allow", "Principal": principal, "Action": ["ecr:BatchGetImage"]});
        statement.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Value::from_json(&serde_json::json!({ "Statement": [statement] }))
    }

    #[test]
    fn who_may_use_a_repository_is_told_the_public_first() {
        use serde_json::json;
        let settings = [
            ("repository_policy.LambdaECRImageRetrievalPolicy", statement(json!({"Service": "lambda.amazonaws.com"}), json!({}))),
            ("repository_policy.own", statement(json!({"AWS": ["123456789012", "arn:aws:iam::123456789012:role/x"]}), json!({}))),
            ("repository_policy.partner", statement(json!({"AWS": "arn:aws:iam::999999999999:root"}), json!({"Action": "ecr:*"}))),
            ("repository_policy.partners", statement(json!("*"), json!({"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}))),
            ("repository_policy.world", statement(json!({"AWS": "*"}), json!({}))),
            ("repository_policy.never", statement(json!("*"), json!({"Effect": "Deny", "Action": "ecr:DeleteRepository"}))),
        ];
        let mut plan = made("ecr.images", &settings);
        plan.target.account = "123456789012".into();
        insta::assert_snapshot!(told(&plan), @r#"
        + ecr.images: ! PUBLIC: anybody may ecr:BatchGetImage on ecr.images
        + ecr.images: ! OTHER ACCOUNTS: arn:aws:iam::999999999999:root may ecr:* on ecr.images
        + ecr.images: ! OTHER ACCOUNTS: anybody may ecr:BatchGetImage on ecr.images when {"StringEquals":{"aws:PrincipalOrgID":"o-1"}}
        + ecr.images: lambda.amazonaws.com may ecr:BatchGetImage on ecr.images
        + ecr.images: anybody may not ecr:DeleteRepository on ecr.images
        + ecr.images: 123456789012, arn:aws:iam::123456789012:role/x may ecr:BatchGetImage on ecr.images
        "#);
    }

    #[test]
    fn a_statement_that_changes_tells_what_comes_and_what_goes() {
        use serde_json::json;
        let of = |path: &str, before: Option<Value>, after: Option<Value>| {
            let mut plan =
                plan_of(vec![step("ecr.images", Action::Update, Reason::InputsChanged, vec![change(path, before, after, Cause::Spec)])]);
            plan.target.account = "123456789012".into();
            told(&plan)
        };
        let (own, world) = (statement(json!({"AWS": "123456789012"}), json!({})), statement(json!("*"), json!({})));
        insta::assert_snapshot!(of("repository_policy.x", Some(own.clone()), Some(world.clone())), @r"
        + ecr.images: ! PUBLIC: anybody may ecr:BatchGetImage on ecr.images
        - ecr.images: 123456789012 may ecr:BatchGetImage on ecr.images
        ");
        insta::assert_snapshot!(of("repository_policy.x", Some(world.clone()), None), @"- ecr.images: anybody may ecr:BatchGetImage on ecr.images");
        let table = |value: Value| Value::Table(Table::from_iter([("x".to_owned(), value)]));
        insta::assert_snapshot!(of("repository_policy", Some(table(own)), Some(table(world))), @r"
        + ecr.images: ! PUBLIC: anybody may ecr:BatchGetImage on ecr.images
        - ecr.images: 123456789012 may ecr:BatchGetImage on ecr.images
        ");
        assert_eq!(of("image_tag_mutability", Some("MUTABLE".into()), Some("IMMUTABLE".into())), "");
    }

    #[test]
    fn a_permission_that_goes_is_told_unless_its_function_goes_too() {
        let gone = |address| step(address, Action::Delete, Reason::NotInSpec, vec![]);
        let mut plan = plan_of(vec![gone("permission.hash.daily")]);
        plan.steps[0].physical_id = Some("demo-hash/lambdo-event_rule-daily".into());
        insta::assert_snapshot!(told(&plan), @"- permission.hash.daily: statement lambdo-event_rule-daily of function.hash, which lets somebody invoke it");
        plan.steps.push(gone("function.hash"));
        assert_eq!(told(&plan), "");
    }

    #[test]
    fn drift_tells_what_came_and_went_in_aws() {
        let policy = change("inline_policy.sneaky", None, Some(policy(&["*"], &["*"])), Cause::Drift);
        let mut steps = vec![step("role.hash", Action::Update, Reason::Drifted, vec![policy])];
        steps.push(step("permission.hash.daily", Action::Create, Reason::MissingInAws, vec![]));
        let plan = plan_of(steps);
        let said: Vec<String> = holders(&plan, &plan.steps, Purpose::Drift)
            .iter()
            .map(|holder| format!("{:?} {}", holder.rights[0].sign, holder.rights[0].text))
            .collect();
        assert_eq!(
            said,
            ["Given EVERYTHING: sneaky: allow * on *", "Taken statement demo-hash of function.hash, which lets somebody invoke it"]
        );
    }

    #[test]
    fn what_is_open_to_everybody_comes_first() {
        let plan = every_action();
        let first = &holders(&plan, &plan.steps, Purpose::Deploy)[0];
        assert!(first.rights[0].is_alarming && first.address.kind == PERMISSION, "{first:?}");
    }
}
