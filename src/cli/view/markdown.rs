//! Views for pull requests: Markdown as GitHub reads it, no longer than a comment there may be.

use super::human::{self, Block, DriftView, PlanView, Purpose, Steps, words};
use super::own_names::OwnNames;
use super::rights::{Holder, Sign, holders};
use super::title::Title;
use crate::cli::render::{self, Sources};
use crate::diagnostic::Diagnostic;
use crate::model::{Action, Plan, Step};
use std::collections::BTreeMap;

/// Bytes of a whole comment. GitHub counts 65,536 characters, and none of them takes less than a byte.
const COMMENT_BYTES_MAX: usize = 65_536;
/// Bytes of the rights with all names; beyond, names are cut.
const RIGHTS_BYTES_MAX: usize = 24_000;
/// Bytes of the rights when names are cut already.
const RIGHTS_BYTES_CUT: usize = 40_000;
/// Bytes of what is said beside the changes.
const REMARKS_BYTES_MAX: usize = 8_000;
/// What the frame around the changes takes at most, in bytes.
const FRAME_BYTES: usize = 400;
/// Names that are shown of many where not all have room.
const NAMES_MAX: usize = 20;
/// Lines of changes up to which they stand open.
const OPEN_LINES_MAX: usize = 40;
/// Columns of the changes: as many as GitHub shows without scrolling.
const COLUMNS: usize = 100;

/// What would be done.
pub fn plan(view: &PlanView<'_>) -> String {
    let plan = view.plan;
    let total = human::total(plan, view.purpose);
    let steps = Steps::new(plan, &plan.steps, view.purpose, view.rules, COLUMNS);
    let mut blocks = human::blocks(&steps, view.is_full).0;
    blocks.extend(steps.refused().into_iter().map(|line| vec![line]));
    let errors: Vec<Diagnostic> = plan.refusals.iter().map(crate::model::plan::Refusal::diagnostic).collect();
    let mut remarks = vec![plain(render::diagnostics(&errors, &Sources::new()).trim_end())];
    remarks.extend(human::unchecked(plan));
    remarks.extend(human::not_deep(plan, "plan --deep"));
    remarks.extend(human::notes(plan));
    let given = holders(plan, &plan.steps, view.purpose);
    let head = [format!("### lambdo plan: {}\n", short(&total)), place(view.title), caution(plan, &given), table(plan.steps.iter())];
    Comment { head: head.concat(), rights: rights(&given, &steps.own_names), blocks, remarks, total, command: "plan" }.text()
}

/// What was changed behind our back.
pub fn drift(view: &DriftView<'_>) -> String {
    let report = view.report;
    let total = human::drift_total(view);
    let steps = Steps::new(&report.plan, &report.drifted, Purpose::Drift, view.rules, COLUMNS);
    let mut blocks = human::blocks(&steps, view.is_full).0;
    blocks.extend(human::extras(report).into_iter().map(|line| vec![line]));
    let mut remarks = human::unchecked(&report.plan);
    remarks.extend(human::not_deep(&report.plan, "drift --deep"));
    remarks.extend(human::authors(report));
    remarks.extend(human::not_looked_for(report));
    remarks.extend(human::ignored(report.ignored));
    remarks.push(human::pending(report));
    let head = format!("### lambdo drift: {}\n{}", short(&total), place(view.title));
    let rights = rights(&holders(&report.plan, &report.drifted, Purpose::Drift), &steps.own_names);
    Comment { head, rights, blocks, remarks, total, command: "drift" }.text()
}

/// What kept a command from doing its work.
pub fn failure(command: &str, errors: &[Diagnostic], sources: &Sources) -> String {
    let text = plain(render::diagnostics(errors, sources).trim_end());
    let (lines, left_out) = cut(text.lines().map(str::to_owned).collect(), COMMENT_BYTES_MAX - FRAME_BYTES);
    format!("### lambdo {}: failed\n\n{}{}", words(command), fenced("text", &lines), left_out_note(left_out, command)).trim_end().to_owned()
}

/// The parts of a comment, of which only the changes are cut to make it fit.
struct Comment {
    head: String,
    rights: String,
    blocks: Vec<Block>,
    remarks: Vec<String>,
    total: String,
    command: &'static str,
}

impl Comment {
    fn text(mut self) -> String {
        // What somebody must see comes last on a terminal and first in a comment, of which the end may be cut.
        self.blocks.reverse();
        let remarks: Vec<String> =
            self.remarks.iter().filter(|text| !text.is_empty()).flat_map(|text| text.lines().map(str::to_owned)).collect();
        let (remarks, remarks_left_out) = cut(remarks, REMARKS_BYTES_MAX);
        let mut tail = if remarks.is_empty() { String::new() } else { format!("\n{}", fenced("text", &remarks)) };
        tail.push_str(&left_out_note(remarks_left_out, self.command));
        tail.push_str(&format!("\n**{}**", words(&self.total)));
        let lines: Vec<String> = self.blocks.iter().flat_map(as_diff).collect();
        let taken = self.head.len() + self.rights.len() + tail.len() + FRAME_BYTES;
        let count = lines.len();
        let (lines, left_out) = cut(lines, COMMENT_BYTES_MAX.saturating_sub(taken));
        let changes = match count {
            0 => String::new(),
            _ if count <= OPEN_LINES_MAX => format!("\n#### Changes\n\n{}", fenced("diff", &lines)),
            _ => format!("\n<details><summary>Changes ({count} lines)</summary>\n\n{}\n</details>\n", fenced("diff", &lines)),
        };
        [self.head, self.rights, changes, left_out_note(left_out, self.command), tail].concat()
    }
}

/// As many lines as fit, and how many do not. A backtick fence and its line ends are counted with each line.
fn cut(mut lines: Vec<String>, bytes_max: usize) -> (Vec<String>, usize) {
    let count = lines.len();
    let mut bytes = 0;
    let fits = lines.iter().take_while(|line| {
        bytes += line.len() + 1;
        bytes <= bytes_max
    });
    let fits = fits.count();
    lines.truncate(fits);
    (lines, count - fits)
}

fn left_out_note(left_out: usize, command: &str) -> String {
    match left_out {
        0 => String::new(),
        lines => format!(
            "\n> [!NOTE]\n> {} left out here, since a comment on GitHub holds 65,536 characters; `lambdo {command}` shows all.\n",
            human::counted(lines, "line") + if lines == 1 { " is" } else { " are" }
        ),
    }
}

/// `Plan: 2 to create.` without what the title says already.
fn short(total: &str) -> String {
    let text = total.trim_end_matches('.').trim_start_matches("Plan: ").trim_start_matches("Drift: ");
    let text = if text.starts_with("No changes. ") { "No changes" } else { text };
    words(text.split_once(": ").filter(|(word, _)| *word == "Refused").map_or(text, |_| "refused"))
}

fn place(title: &Title) -> String {
    let mut parts = vec![code(&title.project)];
    parts.extend(title.stage.as_ref().map(|stage| format!("stage {}", code(stage))));
    let alias = title.alias.as_ref().map(|alias| format!(" ({})", code(alias))).unwrap_or_default();
    parts.push(format!("account {}{alias}", code(&title.target.account)));
    parts.push(format!("region {}", code(&title.target.region)));
    parts.extend(title.endpoint.as_ref().map(|endpoint| format!("endpoint {}", code(endpoint))));
    parts.push(if title.serial == 0 { "first deployment".into() } else { format!("state serial {}", title.serial) });
    format!("\n{}\n", parts.join(" · "))
}

/// What nobody should overlook: what is lost, and what everybody gets.
fn caution(plan: &Plan, given: &[Holder<'_>]) -> String {
    let of =
        |action: Action| plan.steps.iter().filter(|step| step.action == action).map(|step| step.address.to_string()).collect::<Vec<_>>();
    let mut lines = Vec::new();
    for (action, word) in [(Action::Delete, "deletes"), (Action::Replace, "replaces")] {
        let all = of(action);
        if !all.is_empty() {
            lines.push(format!("> This plan **{word} {}**: {}", human::counted(all.len(), "resource"), some_names(&all)));
        }
    }
    let alarming: usize = given.iter().map(|holder| holder.rights.iter().filter(|right| right.is_alarming).count()).sum();
    if alarming > 0 {
        lines.push(format!("> It gives **{}** to everybody or over everything; see below.", human::counted(alarming, "right")));
    }
    if lines.is_empty() { String::new() } else { format!("\n> [!CAUTION]\n{}\n", lines.join("\n>\n")) }
}

fn some_names(all: &[String]) -> String {
    let shown: Vec<String> = all.iter().take(NAMES_MAX).map(|name| code(name)).collect();
    let more = all.len().saturating_sub(NAMES_MAX);
    if more == 0 { shown.join(", ") } else { format!("{}, and {more} more", shown.join(", ")) }
}

/// How many of each kind; columns that would be empty are left out.
fn table<'a>(steps: impl Iterator<Item = &'a Step>) -> String {
    let mut counts: BTreeMap<&str, BTreeMap<Action, usize>> = BTreeMap::new();
    let mut totals: BTreeMap<Action, usize> = BTreeMap::new();
    for step in steps {
        *counts.entry(&step.address.kind).or_default().entry(step.action).or_default() += 1;
        *totals.entry(step.action).or_default() += 1;
    }
    if totals.keys().all(|action| *action == Action::NoOp) {
        return String::new();
    }
    let name = |action: &Action| if *action == Action::NoOp { "unchanged" } else { human::verb(*action) };
    let row = |first: String, of: &BTreeMap<Action, usize>| {
        let cells: Vec<String> = totals.keys().map(|action| of.get(action).map(ToString::to_string).unwrap_or_default()).collect();
        format!("| {first} | {} |\n", cells.join(" | "))
    };
    let headings: Vec<&str> = totals.keys().map(name).collect();
    let mut text = format!("\n| | {} |\n|:--|{}\n", headings.join(" | "), "--:|".repeat(headings.len()));
    counts.iter().for_each(|(kind, of)| text.push_str(&row(code(kind), of)));
    text.push_str(&row("**all**".into(), &totals));
    text
}

/// Who may do what afterwards. Names are cut only where there are very many, and that is said.
fn rights(given: &[Holder<'_>], own_names: &OwnNames) -> String {
    let shared = human::shared_rights(given, own_names);
    if shared.is_empty() {
        return String::new();
    }
    let items = |names_max: usize| shared.iter().map(|one| right(one, names_max)).collect::<Vec<String>>();
    let whole = items(usize::MAX);
    if whole.iter().map(String::len).sum::<usize>() <= RIGHTS_BYTES_MAX {
        return format!("\n#### Rights\n\n{}", whole.concat());
    }
    let (short, left_out) = cut(items(NAMES_MAX), RIGHTS_BYTES_CUT);
    let note = match left_out {
        0 => "Not all who get a right are named here".to_owned(),
        left_out => format!("**{left_out} of {} rights are left out here**, and not all who get a right are named", shared.len()),
    };
    format!(
        "\n#### Rights\n\n> [!WARNING]\n> {note}, since a comment on GitHub holds 65,536 characters; `lambdo plan` shows all.\n\n{}",
        short.concat()
    )
}

fn right(one: &human::SharedRight<'_>, names_max: usize) -> String {
    let sign = match one.right.sign {
        _ if one.right.is_alarming => "⚠️ ",
        Sign::Given => "➕ ",
        Sign::Taken => "➖ ",
        Sign::Kept => "",
    };
    let sentence = code(&one.sentence());
    let sentence = if one.right.is_alarming { format!("**{sentence}**") } else { sentence };
    let names: Vec<&str> = one.holders.iter().map(|address| address.name.as_str()).collect();
    let list = match names.len() {
        _ if !one.needs_names() => String::new(),
        number if number <= names_max => format!(": {}", code(&names.join(", "))),
        number => format!(": {}, and {} more", code(&names[..names_max].join(", ")), number - names_max),
    };
    format!("- {sign}{sentence}{list}\n")
}

/// The lines of a block with their signs where a diff has them, so that they get its colours.
fn as_diff(block: &Block) -> Vec<String> {
    let lines: Vec<String> = block.iter().map(|line| plain(line)).collect();
    let sign = lines.first().and_then(|line| line.trim_start().chars().next()).unwrap_or(' ');
    let colour = match sign {
        '~' | '!' => '!',
        '+' | '-' => sign,
        _ => ' ',
    };
    let is_nested = |line: &str| line.starts_with("        ") && line.get(8..9).is_some_and(|sign| sign == "+" || sign == "-");
    let line = |(number, line): (usize, &String)| match line.trim_start() {
        text if number == 0 && text.starts_with("-/+") => text.to_owned(),
        text if number == 0 => format!("{colour}{}", text.strip_prefix(sign).unwrap_or(text)),
        _ if !is_nested(line) && line.starts_with("        ") => line.clone(),
        text if is_nested(line) => format!("{}       {}", text.get(..1).unwrap_or_default(), text.get(1..).unwrap_or_default()),
        _ => format!("{colour}{}", line.get(1..).unwrap_or_default()),
    };
    lines.iter().enumerate().map(line).collect()
}

/// Lines in a fence that nothing in them can close.
fn fenced(language: &str, lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| words(line)).collect();
    let fence = "`".repeat(lines.iter().map(|line| longest_run(line) + 1).max().unwrap_or_default().max(3));
    format!("{fence}{language}\n{}\n{fence}\n", lines.join("\n"))
}

/// Text that is shown letter by letter, and in which nobody is mentioned.
fn code(text: &str) -> String {
    let text = words(text);
    let fence = "`".repeat(longest_run(&text) + 1);
    // A space at each end keeps a backtick there from joining the fence; GitHub takes it away.
    let padding = if text.starts_with('`') || text.ends_with('`') || text.trim().is_empty() { " " } else { "" };
    format!("{fence}{padding}{text}{padding}{fence}")
}

fn longest_run(text: &str) -> usize {
    text.split(|character| character != '`').map(str::len).max().unwrap_or_default()
}

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::view::fixtures::{
        change, drift_report, drifted_step, every_action, gone_step, new_step, plan_of, spec_step, step, title, unchanged_step,
    };
    use crate::kinds::Registry;
    use crate::model::plan::Refusal;
    use crate::model::{Address, Cause, Reason, Value};

    fn of_plan(plan: &Plan) -> String {
        super::plan(&PlanView { title: &title(), plan, purpose: Purpose::Deploy, rules: &Registry::new(), is_full: false })
    }

    #[test]
    fn a_plan_is_a_comment() {
        insta::assert_snapshot!(of_plan(&every_action()), @r#"
        ### lambdo plan: 1 to create, 2 to update, 1 to replace, 1 to delete, 1 to adopt, 1 to forget; 1 unchanged

        `demo` · account `123456789012` (`acme`) · region `eu-central-1` · state serial 4

        > [!CAUTION]
        > This plan **deletes 1 resource**: `function.old`
        >
        > This plan **replaces 1 resource**: `event_rule.hash.monthly`
        >
        > It gives **1 right** to everybody or over everything; see below.

        | | create | update | replace | delete | adopt | forget | unchanged |
        |:--|--:|--:|--:|--:|--:|--:|--:|
        | `event_rule` |  |  | 1 |  |  |  |  |
        | `function` |  | 1 |  | 1 |  |  | 1 |
        | `log_group` |  |  |  |  | 1 | 1 |  |
        | `permission` | 1 |  |  |  |  |  |  |
        | `role` |  | 1 |  |  |  |  |  |
        | **all** | 1 | 2 | 1 | 1 | 1 | 1 | 1 |

        #### Rights

        - ⚠️ **`PUBLIC: anybody may invoke function.hash by its URL`**
        - ➕ `role.hash: logs: allow s3:GetObject on *`

        #### Changes

        ```diff
          log_group.old (demo-old): stays in AWS and leaves the state
        - function.old (demo-old): not in the spec any more
        ! role.hash (demo-hash): the spec changed
        !     inline_policy.logs:
                        "Action": [
        -                "logs:PutLogEvents"
        +                "logs:PutLogEvents",
        +                "s3:GetObject"
                        ],
        !     description:
        -        …on and on until nobody remembers how it began a sentence that goes on and on until nobo…"
        +        …on and on until somebody remembers how it began a sentence that goes on and on until so…"
        + permission.hash.url (demo-hash): new
        +     action = "lambda:InvokeFunctionUrl", principal = "*"
          log_group.hash (demo-hash): exists and becomes ours
              retention_in_days = 30
        -/+ event_rule.hash.monthly (demo-hash): cannot be changed in place
        -     name: "old" -> "new"  (forces replacement)
        ! function.hash (demo-hash): changed outside lambdo
        !     memory_size: 512 -> 128  (drift)
        !     timeout: 9 -> 1  (drift: applied 3)
        !     environment.LOG_LEVEL: "info" -> (unset)
        ```

        ```text
        not checked: reserved_concurrent_executions of function.same: access denied (lambda:GetFunctionConcurrency: AccessDeniedException: no)
        not read, since it costs a call for each: tags of log_group.hash, log_group.old; `lambdo plan --deep` reads it
        note: role.hash: a policy that others attached stays: arn:aws:iam::aws:policy/Other
        ```

        **Plan: 1 to create, 2 to update, 1 to replace, 1 to delete, 1 to adopt, 1 to forget; 1 unchanged.**
        "#);
    }

    #[test]
    fn no_changes_are_three_lines() {
        insta::assert_snapshot!(of_plan(&plan_of(vec![unchanged_step("function.hash")])), @r"
        ### lambdo plan: No changes

        `demo` · account `123456789012` (`acme`) · region `eu-central-1` · state serial 4

        **No changes. 1 resource is as the spec asks.**
        ");
    }

    #[test]
    fn what_is_refused_says_so_in_its_title() {
        let mut plan = plan_of(vec![new_step("function.hash")]);
        let detail = "It belongs to `other`.".to_owned();
        plan.refusals =
            vec![Refusal { address: Some(Address::new("function", "hash")), summary: "not ours", detail, hints: vec!["look".into()] }];
        insta::assert_snapshot!(of_plan(&plan), @r"
        ### lambdo plan: refused

        `demo` · account `123456789012` (`acme`) · region `eu-central-1` · state serial 4

        | | create |
        |:--|--:|
        | `function` | 1 |
        | **all** | 1 |

        #### Changes

        ```diff
        ! function.hash (demo-hash): refused
        ```

        ```text
        error: Not ours: function.hash
          It belongs to `other`.
          hint: look
        ```

        **Refused: nothing of this is done before 1 error is mended.**
        ");
    }

    #[test]
    fn drift_is_a_comment() {
        let drifted = [drifted_step("function.hash", &["environment.A", "memory_size"]), gone_step("log_group.hash")];
        let plan = plan_of(drifted.to_vec());
        let of = |drifted: &[Step], pending| {
            let report = drift_report(&plan, drifted, pending);
            drift(&DriftView { title: &title(), report: &report, rules: &Registry::new(), is_full: false })
        };
        insta::assert_snapshot!(of(&drifted, Some(2)), @r"
        ### lambdo drift: 2 resources differ from what was applied

        `demo` · account `123456789012` (`acme`) · region `eu-central-1` · state serial 4

        #### Changes

        ```diff
        - log_group.hash (demo-hash): gone from AWS
        ! function.hash (demo-hash)
        !     environment.A: 128 -> 512
        !     memory_size: 128 -> 512
        ```

        ```text
        pending: 2 changes of the spec not applied yet; `lambdo plan` shows them
        ```

        **Drift: 2 resources differ from what was applied.**
        ");
        assert!(of(&[], Some(0)).starts_with("### lambdo drift: No drift\n"));
    }

    #[test]
    fn a_failure_is_a_comment_too() {
        let errors = [Diagnostic::error("x", "AWS refused").detail("It said ```no```.\nTwice.")];
        insta::assert_snapshot!(failure("plan", &errors, &Sources::new()), @r"
        ### lambdo plan: failed

        ````text
        error: AWS refused
          It said ```no```.
          Twice.
        ````
        ");
    }

    #[test]
    fn nothing_in_a_value_gets_out_of_its_place() {
        let odd = "a`b```c|d\n# e <script>&amp; @all \u{1b}[31m";
        let mut plan = plan_of(vec![step(
            "function.hash",
            Action::Update,
            Reason::InputsChanged,
            vec![change("description", Some("x".into()), Some(odd.into()), Cause::Spec)],
        )]);
        plan.notes = vec![(Address::new("function", "hash"), odd.to_owned())];
        let policy = serde_json::json!({"Statement": [{"Effect": "Allow", "Action": "s3:Get", "Resource": odd}]}).to_string();
        let changed = change("inline_policy.data", None, Some(Value::from(policy.as_str())), Cause::Spec);
        plan.steps.push(step("role.hash", Action::Update, Reason::InputsChanged, vec![changed]));
        insta::assert_snapshot!(of_plan(&plan), @r#"
        ### lambdo plan: 2 to update

        `demo` · account `123456789012` (`acme`) · region `eu-central-1` · state serial 4

        | | update |
        |:--|--:|
        | `function` | 1 |
        | `role` | 1 |
        | **all** | 2 |

        #### Rights

        - ➕ ````role.hash: data: allow s3:Get on a`b```c|d\n# e <script>&amp; @all \u{1b}[31m````

        #### Changes

        ````diff
        ! role.hash (demo-hash): the spec changed
        !     inline_policy.data:
        +        {
        +          "Statement": [
        +            {
        +              "Action": "s3:Get",
        +              "Effect": "Allow",
        +              "Resource": "a`b```c|d\n# e <script>&amp; @all \u001b[31m"
        +            }
        +          ]
        +        }
        ! function.hash (demo-hash): the spec changed
        !     description: "x" -> "a`b```c|d\n# e <script>&amp; @all \u001b[31m"
        ````

        ````text
        note: function.hash: a`b```c|d\n# e <script>&amp; @all \u{1b}[31m
        ````

        **Plan: 2 to update.**
        "#);
    }

    #[test]
    fn a_comment_never_gets_too_long_and_says_what_is_left_out() {
        let text = "x".repeat(300);
        let updated = |index: usize| {
            let one = change("description", Some("".into()), Some(format!("{index} {text}").as_str().into()), Cause::Drift);
            step(&format!("function.f{index}"), Action::Update, Reason::Drifted, vec![one])
        };
        let mut plan = plan_of((0..900).map(updated).collect());
        plan.steps.push(step("function.gone", Action::Delete, Reason::NotInSpec, vec![]));
        let resources = |index: usize| serde_json::json!({"Statement": [{"Effect": "Allow", "Action": "s3:Get", "Resource": format!("{index}{text}")}]});
        let role = |index: usize| {
            let one = change("inline_policy.data", None, Some(Value::from(resources(index).to_string().as_str())), Cause::Spec);
            step(&format!("role.r{index}"), Action::Update, Reason::InputsChanged, vec![one])
        };
        plan.steps.extend((0..300).map(role));
        plan.notes = (0..200).map(|index| (Address::new("function", "f"), format!("{index} {text}"))).collect();
        let comment = of_plan(&plan);
        assert!(comment.len() <= COMMENT_BYTES_MAX, "{}", comment.len());
        assert_eq!(comment.matches("left out here").count(), 3, "{comment}");
        assert!(comment.ends_with("**Plan: 1200 to update, 1 to delete.**") && comment.contains("- function.gone"), "{comment}");
        assert_eq!(comment, of_plan(&plan));
    }

    #[test]
    fn long_changes_are_folded_away() {
        let steps = (0..30).map(|index| {
            let mut one = spec_step(&format!("function.f{index}"));
            one.changes[0].desired = Some(Value::from(index));
            one
        });
        let comment = of_plan(&plan_of(steps.collect()));
        assert!(comment.contains("<details><summary>Changes (60 lines)</summary>\n\n```diff\n! function.f9"), "{comment}");
    }
}
