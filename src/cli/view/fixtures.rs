//! Plans and states for the tests of views.

use crate::cli::view::Title;
use crate::model::calls::{CallWait, LongCall, OperationCalls};
use crate::model::plan::{EntryFacts, LeftOut};
use crate::model::{
    Action, Address, CallAccount, Carry, Cause, Change, Dependency, DriftReport, Effect, Entry, Extra, ExtraClass, Lineage, Operation,
    OperationId, Plan, Reason, Record, State, Step, Table, Target, Transition, Unchecked, Value,
};

/// A title without a stage.
pub fn title() -> Title {
    Title { project: "demo".into(), stage: None, target: target(), alias: Some("acme".into()), endpoint: None, serial: 4 }
}

fn target() -> Target {
    Target { region: "eu-central-1".into(), ..Target::placeholder() }
}

/// A plan of these steps.
pub fn plan_of(steps: Vec<Step>) -> Plan {
    Plan {
        project: "demo".into(),
        stage: None,
        target: target(),
        steps,
        operations: vec![],
        outputs: Table::new(),
        unchecked: vec![],
        not_deep: vec![],
        extras: vec![],
        refusals: vec![],
        notes: vec![],
        source_changes: Default::default(),
    }
}

/// A step without operations.
pub fn step(address: &str, action: Action, reason: Reason, changes: Vec<Change>) -> Step {
    let address: Address = address.parse().unwrap();
    let physical_id = Some(format!("demo-{}", address.name).into());
    Step { address, physical_id, action, reason, changes, operations: vec![], records: vec![], adopts: None, settles: None }
}

/// A change from `before` to `after`; for drift `before` is what was applied and `after` what lives.
pub fn change(path: &str, before: Option<Value>, after: Option<Value>, cause: Cause) -> Change {
    let (applied, live, desired) = match cause {
        Cause::Spec | Cause::Source => (before.clone(), before, after),
        Cause::Drift => (before.clone(), after, before),
        Cause::Both => (before.clone(), after, before.map(|_| 1.into())),
    };
    Change { path: path.parse().unwrap(), applied, live, desired, effect: Effect::InPlace, cause }
}

/// A function whose memory the spec changes.
pub fn spec_step(address: &str) -> Step {
    step(address, Action::Update, Reason::InputsChanged, vec![change("memory_size", Some(128.into()), Some(256.into()), Cause::Spec)])
}

/// A resource that drifted at these paths.
pub fn drifted_step(address: &str, paths: &[&str]) -> Step {
    let changes = paths.iter().map(|path| change(path, Some(128.into()), Some(512.into()), Cause::Drift)).collect();
    step(address, Action::Update, Reason::Drifted, changes)
}

/// A resource that is gone.
pub fn gone_step(address: &str) -> Step {
    step(address, Action::Create, Reason::MissingInAws, vec![change("memory_size", None, Some(128.into()), Cause::Spec)])
}

/// A resource to be made.
pub fn new_step(address: &str) -> Step {
    step(address, Action::Create, Reason::NotInState, vec![])
}

/// The operation that makes a resource with these settings.
pub fn operation(address: &str, settings: Table) -> Operation {
    Operation {
        address: address.parse().unwrap(),
        physical_id: None,
        call: "lambda:AddPermission".into(),
        arguments: Table::new(),
        carries: settings.into_iter().map(|(key, value)| Carry::set(crate::model::Path::key(&key), value)).collect(),
        transition: Transition::Create { adopted: false, discards: false },
        follows: vec![],
        waits: vec![],
        serial_key: None,
    }
}

/// What is known of a resource before it is made: its ARN.
pub fn facts(arn: &str) -> EntryFacts {
    EntryFacts {
        keeps_name: None,
        attributes: Table::from_iter([("arn".into(), arn.into())]),
        dependencies: vec![],
        parent: None,
        source: None,
        ignore: vec![],
        protect: false,
        keep: false,
    }
}

/// A resource as it should be.
pub fn unchanged_step(address: &str) -> Step {
    step(address, Action::NoOp, Reason::Unchanged, vec![])
}

/// A path that could not be read.
pub fn unchecked(address: &str) -> (Address, Unchecked) {
    let unchecked = Unchecked {
        path: "reserved_concurrent_executions".parse().unwrap(),
        why: "access_denied".into(),
        detail: "lambda:GetFunctionConcurrency: AccessDeniedException: no".into(),
        hints: Vec::new(),
    };
    (address.parse().unwrap(), unchecked)
}

/// Tags that were not read.
pub fn not_deep(address: &str) -> LeftOut {
    LeftOut { address: address.parse().unwrap(), path: crate::model::Path::key("tags"), is_asked_for: true }
}

/// What a check found that found these steps.
pub fn drift_report(plan: &Plan, drifted: &[Step], pending: Option<usize>) -> DriftReport {
    DriftReport {
        plan: plan.clone(),
        drifted: drifted.to_vec(),
        extras: vec![],
        ignored: 0,
        is_deep: true,
        pending,
        secrets: 0,
        authors: None,
        warnings: vec![],
    }
}

/// One thing of each class that nobody declared.
pub fn extras() -> Vec<(Address, Extra)> {
    let hash = Address::new("function", "hash");
    let tag = Extra {
        class: ExtraClass::Undeclared,
        path: "tags.team".parse().unwrap(),
        live: Some("core".into()),
        usual: None,
        text: "A tag".into(),
        physical_id: None,
        is_public: false,
    };
    let statement =
        Extra::foreign("statement.partner".parse().unwrap(), "policy statement `partner`: `lambda:InvokeFunction` by `*`").public(true);
    vec![(hash.clone(), tag), (hash, statement)]
}

/// One step of each action, with long and structured values, and a right for everybody.
pub fn every_action() -> Plan {
    let policy = |actions: &[&str]| {
        let actions = Value::string_list(actions);
        let statement = Table::from_iter([("Effect".into(), "Allow".into()), ("Action".into(), actions), ("Resource".into(), "*".into())]);
        Value::Table(Table::from_iter([("Statement".into(), Value::List(vec![Value::Table(statement)]))]))
    };
    let mut renamed = change("name", Some("old".into()), Some("new".into()), Cause::Spec);
    renamed.effect = Effect::Replace;
    let long = "a sentence that goes on and on until nobody remembers how it began ".repeat(2);
    let mut plan = plan_of(vec![
        step("log_group.hash", Action::Adopt, Reason::NotInState, vec![change("retention_in_days", None, Some(30.into()), Cause::Spec)]),
        step("permission.hash.url", Action::Create, Reason::NotInState, vec![]),
        step(
            "role.hash",
            Action::Update,
            Reason::InputsChanged,
            vec![
                change(
                    "inline_policy.logs",
                    Some(policy(&["logs:PutLogEvents"])),
                    Some(policy(&["logs:PutLogEvents", "s3:GetObject"])),
                    Cause::Spec,
                ),
                change("description", Some(Value::from(long.clone())), Some(Value::from(long.replace("nobody", "somebody"))), Cause::Spec),
            ],
        ),
        step(
            "function.hash",
            Action::Update,
            Reason::Drifted,
            vec![
                change("memory_size", Some(128.into()), Some(512.into()), Cause::Drift),
                change("timeout", Some(3.into()), Some(9.into()), Cause::Both),
                change("environment.LOG_LEVEL", Some("info".into()), None, Cause::Spec),
            ],
        ),
        step("event_rule.hash.monthly", Action::Replace, Reason::CannotUpdateInPlace, vec![renamed]),
        step("function.old", Action::Delete, Reason::NotInSpec, vec![]),
        step("log_group.old", Action::Forget, Reason::NotInSpec, vec![]),
        unchanged_step("function.same"),
    ]);
    let settings = Table::from_iter([("principal".into(), "*".into()), ("action".into(), "lambda:InvokeFunctionUrl".into())]);
    plan.operations.push(operation("permission.hash.url", settings));
    plan.steps[1].operations = vec![OperationId(0)];
    plan.unchecked = vec![unchecked("function.same")];
    plan.not_deep = vec![not_deep("log_group.hash"), not_deep("log_group.old")];
    plan.notes = vec![("role.hash".parse().unwrap(), "a policy that others attached stays: arn:aws:iam::aws:policy/Other".into())];
    plan
}

/// A state with two resources, one replaced, and an operation that never ended.
pub fn state() -> State {
    let mut state = State::new(Lineage("0123456789abcdef".into()), "demo", Some("dev"), target(), None);
    let mut function = Entry::new("demo-dev-hash".into());
    function.inputs = Table::from_iter([("memory_size".into(), 128.into())]);
    function.attributes = Table::from_iter([("arn".into(), "arn:aws:lambda:eu-central-1:123456789012:function:demo-dev-hash".into())]);
    function.dependencies = vec![Dependency::hard(Address::new("role", "hash"))];
    let mut group = Entry::new("/aws/lambda/demo-dev-hash".into());
    group.adopted = true;
    state.entries = [(Address::new("function", "hash"), function), (Address::new("log_group", "hash"), group)].into();
    state.outputs = Table::from_iter([("lambda".into(), "arn:aws:lambda:eu-central-1:123456789012:function:demo-dev-hash".into())]);
    state.serial = 4;
    state.intents = vec![Record::Begin {
        operation: 0,
        address: Address::new("role", "hash"),
        physical_id: Some("demo-dev-hash-eu-central-1".into()),
        call: "iam:CreateRole".into(),
        transition: Transition::Create { adopted: false, discards: false },
    }];
    state
}

/// What a throttled run asked of AWS.
pub fn calls() -> CallAccount {
    let calls = |operation: &str, calls, throttled| OperationCalls {
        operation: operation.into(),
        calls,
        throttled,
        retried: throttled,
        failed: 0,
        elapsed_ms: calls * 85,
    };
    let wait = |cause, text: &str, waits, elapsed_ms| CallWait { cause, text: text.into(), waits, elapsed_ms };
    CallAccount {
        total: 342,
        throttled: 41,
        retried: 41,
        failed: 0,
        uploaded_bytes: 12_345_678,
        operations: vec![calls("lambda:CreateFunction", 341, 41), calls("sts:GetCallerIdentity", 1, 0)],
        waits: vec![
            wait("quota", "AWS's quota of 15 Lambda calls a second", 288, 12_340),
            wait("retry", "AWS to accept what it throttled or lost", 41, 1_100),
        ],
        longest: vec![LongCall { operation: "lambda:CreateFunction".into(), elapsed_ms: 1_812 }],
    }
}
