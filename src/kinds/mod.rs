//! One module per resource kind, and the registry. A new kind is one module and one line.

mod arguments;
mod arn;
mod code_object;
mod ecr;
mod event_rule;
mod facts;
mod function;
mod image;
mod image_uri;
mod layer;
mod log_group;
mod lowering;
mod names;
mod permission;
mod reading;
mod role;
mod search;
mod tagging;

pub use code_object::store;
pub use ecr::{REPOSITORY_NAME, of_function as repository_facts};
pub(crate) use event_rule::schedule::check as check_schedule;
pub(crate) use facts::ROLE_SHORTHAND;
pub use facts::{Functions, function_facts};
pub use function::forbidden as forbidden_settings;
pub(crate) use function::{HANDLER_FORM, RUNTIME_DEPRECATED, is_newer_runtime, judge_runtime};
pub(crate) use permission::strangers as strangers_of_policy;
pub use search::{Found, Search, Skipped};

use crate::aws::{AwsError, Reader, Writer};
use crate::diagnostic::Diagnostic;
use crate::model::{
    Address, Artifact, ArtifactSource, Entry, Field, Live, Operation, Path, PhysicalId, Resource, Rules, RulesSet, Section, Sighting,
    Table, Target, Value,
};
use async_trait::async_trait;
use std::collections::BTreeMap;

/// Everything lambdo knows about one sort of resource.
///
/// The pure half is [`Rules`] and [`Kind::lower`]; the half that talks to AWS is [`Kind::read`],
/// [`Kind::run`] and [`Kind::settle`].
#[async_trait]
pub trait Kind: Rules {
    /// Where its sections stand in the spec.
    fn places(&self) -> &'static [Place];

    /// The key that a lone string stands for, as in `role = "NAME"`.
    fn shorthand(&self) -> Option<&'static str> {
        None
    }

    /// The attributes that `${ADDRESS.attribute}` can name, with a sentence each.
    fn attributes(&self) -> &'static [(&'static str, &'static str)];

    /// Turns a section into resources: this kind's own and those that always come with it.
    /// References to resources may still be open in the section's values; they stay open.
    fn lower(&self, section: &Section, context: &Context<'_>) -> Lowered;

    /// Reads many at once, as AWS allows; answers in the order of `targets`, one each.
    async fn read(&self, reader: &Reader, targets: &[ReadTarget<'_>]) -> Vec<Sighting>;

    /// All of this kind in AWS that say they are of the project, in any order. A kind that cannot say so is known by
    /// what the spec asks for, or dies with its parent.
    ///
    /// # Errors
    /// What keeps AWS from being looked at.
    async fn find(&self, _reader: &Reader, _search: &Search<'_>) -> Result<Vec<Found>, AwsError> {
        Ok(Vec::new())
    }

    /// Sends one operation, with the retries that its call needs.
    ///
    /// # Errors
    /// What AWS refused. A create that finds its resource there with our lineage has succeeded.
    async fn run(&self, writer: &Writer, operation: &Operation, context: &RunContext<'_>) -> Result<Done, AwsError>;

    /// What makes it anew in AWS, whoever owns that: its kind and its name.
    fn maker(&self, _physical_id: &PhysicalId) -> Option<(&'static str, PhysicalId)> {
        None
    }

    /// Waits until the resource is ready after the last operation of its step.
    ///
    /// # Errors
    /// What AWS says why it will not get ready.
    async fn settle(&self, _reader: &Reader, _operation: &Operation) -> Result<(), AwsError> {
        Ok(())
    }
}

/// Where the sections of a kind stand in the spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `[kind.NAME]`
    TopLevel,
    /// `[function.NAME.kind]`, at most one per function.
    One {
        /// Whether a function without the key has it too, as an empty section.
        always: bool,
    },
    /// `[function.NAME.kind.PART]`, any number per function.
    Named,
}

/// What `lower` knows besides its section.
pub struct Context<'a> {
    /// The project's name.
    pub project: &'a str,
    /// The stage, if there is one.
    pub stage: Option<&'a str>,
    /// Where the run deploys to.
    pub target: &'a Target,
    /// How much of the target is known.
    pub known: Known,
    /// All functions of the spec.
    pub functions: &'a Functions,
    /// The packages that are ready, by whose they are. Empty where nothing was built, as in `validate`.
    pub artifacts: &'a BTreeMap<Address, Artifact>,
}

impl Context<'_> {
    /// The region, where it is known.
    pub fn region(&self) -> Option<&str> {
        (self.known != Known::Nothing).then_some(&self.target.region)
    }

    /// The partition, where it is known: every region belongs to one.
    pub fn partition(&self) -> Option<&str> {
        (self.known != Known::Nothing).then_some(&self.target.partition)
    }

    /// The account, where it is known.
    pub fn account(&self) -> Option<&str> {
        (self.known == Known::All).then_some(&self.target.account)
    }
}

/// How much of a target is known; the rest of it only stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing: AWS was not asked, and nobody named a region.
    Nothing,
    /// The region and so the partition.
    Region,
    /// All of it, since AWS was asked.
    All,
}

/// What other kinds need to know about a function.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionFacts {
    /// Its name in the spec.
    pub name: String,
    /// Its name in AWS.
    pub function_name: String,
    /// Its predicted ARN.
    pub arn: String,
    /// The address of its role; `None` for one that lambdo does not manage.
    pub role: Option<Address>,
    /// The name of the log group that it writes to.
    pub log_group_name: String,
    /// Where its image is pushed to; `None` for one that has none of its own.
    pub repository: Option<RepositoryFacts>,
    /// Its section's values.
    pub values: Table,
}

/// What a function needs to know about the repository of its image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryFacts {
    /// Its address.
    pub address: Address,
    /// Its name in ECR.
    pub repository_name: String,
    /// Whether the spec has a section for it.
    pub is_declared: bool,
    /// Whether nobody named it, so that it is the function's own.
    pub is_own: bool,
    /// A declared one whose name is nearly the same.
    pub nearest: Option<String>,
}

/// What a section became.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lowered {
    /// The resources; inputs have their defaults filled in.
    pub resources: Vec<Resource>,
    /// What is wrong with the section beyond its field table.
    pub diagnostics: Vec<Diagnostic>,
}

/// One resource to be read.
#[derive(Clone, Copy)]
pub struct ReadTarget<'a> {
    /// Which resource.
    pub address: &'a Address,
    /// AWS's name for it.
    pub physical_id: &'a PhysicalId,
    /// What is wanted of it.
    pub desired: Option<&'a Resource>,
    /// What was applied to it.
    pub applied: Option<&'a Entry>,
    /// Whether fields that cost a call of their own are read too. They are read in any case where
    /// `applied` is absent, since ownership must be known.
    pub deep: bool,
    /// Whether what others attached to it is looked for, too: it is shown and never changed.
    pub strangers: bool,
    /// Whether settings beyond its fields are looked at, too.
    pub undeclared: bool,
    /// Whether something that was applied lives and dies with it, and so shows what stands beside itself.
    pub has_parts: bool,
    /// The state that asks: where several states share a name, it tells what is its own.
    pub lineage: &'a str,
}

impl ReadTarget<'_> {
    /// Whether fields that cost a call of their own are read.
    pub fn is_read_deeply(&self) -> bool {
        self.deep || self.applied.is_none()
    }

    /// Whether nothing is to be done to it, as far as a quick look shows. What may be changed or deleted is looked at closely:
    /// whose it is shows in its tags, and somebody else may have made it anew under its name.
    pub fn stays_as_applied(&self, fields: &[Field], live: &Live) -> bool {
        let (Some(desired), Some(applied)) = (self.desired, self.applied) else { return false };
        let is_same = |field: &Field| {
            let (wanted, applied) = (desired.inputs.get(field.key), applied.inputs.get(field.key));
            let is_wanted = match field.key {
                "tags" => tagging::asked_for(wanted) == tagging::asked_for(applied),
                _ => wanted.is_some_and(Value::is_unresolved) || field.compare.is_equal(wanted, applied),
            };
            let is_unread = field.deep || live.is_unread(&Path::key(field.key));
            is_wanted && (is_unread || field.compare.is_equal(live.fields.get(field.key), applied))
        };
        let is_marked =
            desired.keep == applied.keep && tagging::address(&applied.inputs).is_none_or(|address| *address == self.address.to_string());
        is_marked
            && desired.physical_id().is_none_or(|id| id == self.physical_id)
            && fields.iter().filter(|field| !field.internal).all(is_same)
    }
}

/// What `run` may use besides the writer.
pub struct RunContext<'a> {
    /// Where zip bytes come from.
    pub artifacts: &'a dyn ArtifactSource,
    /// The lineage of the state, to recognise what is ours.
    pub lineage: &'a str,
}

/// What an operation achieved.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Done {
    /// AWS's name for the resource, where the call made it.
    pub physical_id: Option<PhysicalId>,
    /// Attributes to be recorded.
    pub attributes: Table,
}

/// Keys of a function that the spec has and that are not built yet: refused by name, never ignored.
pub const NOT_SUPPORTED_YET: &[&str] = &[
    "alias",
    "capacity_provider_config",
    "code_signing_config_arn",
    "durable_config",
    "event_invoke_config",
    "event_source",
    "function_url",
    "publish",
    "recursive_loop",
    "runtime_management_config",
    "schedule",
    "tenancy_config",
];

/// All kinds.
pub struct Registry {
    kinds: Vec<&'static dyn Kind>,
}

impl Registry {
    /// The kinds in the order of the documentation.
    pub fn new() -> Self {
        Self {
            kinds: vec![
                &function::Function,
                &role::Role,
                &log_group::LogGroup,
                &event_rule::EventRule,
                &permission::Permission,
                &layer::Layer,
                &code_object::CodeObject,
                &ecr::Ecr,
                &image::Image,
            ],
        }
    }

    /// A registry of these kinds only, for trying out one part without the others.
    pub fn with_kinds(kinds: Vec<&'static dyn Kind>) -> Self {
        Self { kinds }
    }

    /// All kinds.
    pub fn iter(&self) -> impl Iterator<Item = &'static dyn Kind> + '_ {
        self.kinds.iter().copied()
    }

    /// The kind called `name`.
    pub fn find(&self, name: &str) -> Option<&'static dyn Kind> {
        self.iter().find(|kind| kind.name() == name)
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl RulesSet for Registry {
    fn rules(&self, kind: &str) -> Option<&dyn Rules> {
        self.find(kind).map(|kind| kind as &dyn Rules)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::Cloud;
    use crate::model::{Address, PhysicalId};
    use proptest::prelude::*;
    use proptest::sample::select;
    use serde_json::{Value as Json, json};

    const WORDS: &[&str] = &[
        "",
        "demo-a",
        "arn:aws:lambda:eu-central-1:123456789012:function:demo-a",
        "\u{0}",
        "%7B%7D",
        "{",
        "-1",
        "Active",
        "日本",
        "2026-11-22T10:00:00Z",
    ];
    const KEYS: &[&str] = &[
        "Configuration",
        "FunctionName",
        "FunctionArn",
        "Environment",
        "Variables",
        "Error",
        "Tags",
        "Code",
        "CodeSha256",
        "Layers",
        "Arn",
        "Timeout",
        "MemorySize",
        "Role",
        "State",
        "LoggingConfig",
        "VpcConfig",
        "Policy",
        "logGroups",
        "logGroupName",
        "retentionInDays",
        "Rules",
        "Name",
        "Targets",
        "Id",
        "Input",
        "EventPattern",
        "ScheduleExpression",
        "repositories",
        "repositoryName",
        "policyText",
        "lifecyclePolicyText",
        "images",
        "imageManifest",
        "LayerVersions",
        "Version",
        "Description",
        "Concurrency",
    ];

    /// An answer in JSON with keys that AWS has.
    fn answer() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            any::<f64>().prop_map(Json::from),
            select(WORDS).prop_map(Json::from),
            ".{0,8}".prop_map(Json::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Json::Array),
                proptest::collection::vec((select(KEYS), inner), 0..6).prop_map(|pairs| pairs
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect::<serde_json::Map<_, _>>()
                    .into()),
            ]
        })
    }

    /// The same as IAM and S3 write it.
    fn xml(json: &Json) -> String {
        match json {
            Json::Object(object) => object.iter().map(|(key, value)| format!("<{key}>{}</{key}>", xml(value))).collect(),
            Json::Array(items) => items.iter().map(|item| format!("<member>{}</member>", xml(item))).collect(),
            other => other.to_string(),
        }
    }

    fn id_of(kind: &str) -> PhysicalId {
        match kind {
            "permission" => "demo-a/lambdo-x",
            "event_rule" => "default/demo-a",
            "layer" => "demo-a@0123456789ab",
            "image" => "demo-a:tag",
            "code_object" => "bucket/key",
            _ => "demo-a",
        }
        .into()
    }

    /// A part that AWS deletes with its parent, and whose name does not say so, would be forgotten with a predecessor of that.
    #[test]
    fn what_dies_with_its_parent_says_so_in_its_name() {
        for kind in Registry::new().iter() {
            let is_part = ["a/b", "a:b"].iter().any(|id| kind.is_part_of(&(*id).into(), &"a".into()));
            assert_eq!(kind.dies_with_parent(), is_part, "{}", kind.name());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_answer_of_aws_is_something_that_was_seen(body in answer(), status in select(&[200_u16, 200, 200, 400, 404][..]), is_xml: bool, is_deep: bool) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
            let body = if is_xml { format!("<Response><Result>{}</Result></Response>", xml(&body)) } else { json!(body).to_string() };
            let seen = runtime.block_on(async {
                let (cloud, mut seen) = (Cloud::new(move |_| (status, body.clone())), Vec::new());
                for kind in Registry::new().iter() {
                    let (address, physical_id) = (Address::new(kind.name(), "a"), id_of(kind.name()));
                    let target = ReadTarget { address: &address, physical_id: &physical_id, desired: None, applied: None, deep: is_deep, strangers: is_deep, undeclared: is_deep, has_parts: false, lineage: "l" };
                    let read = kind.read(cloud.writer.reader(), std::slice::from_ref(&target));
                    seen.push((kind.name(), tokio::time::timeout(std::time::Duration::from_secs(36_000), read).await.map(|seen| seen.len())));
                }
                seen
            });
            prop_assert!(seen.iter().all(|(_, sightings)| *sightings == Ok(1)), "{seen:?}");
        }
    }
}
