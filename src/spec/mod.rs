//! The spec: from the text of `config.toml` to what is wanted.
//!
//! `load` reads the file into sections that are checked against the kinds' field tables; `lower`
//! turns them into the graph of resources. Everything that is wrong is told at once, with its place.

mod accept;
mod checks;
mod daemon;
mod discover;
mod document;
mod drift;
mod first_keys;
mod foreign;
mod graph;
mod header;
mod later;
mod layers;
mod load;
mod lower;
mod merge;
mod moved;
mod notify;
mod outputs;
mod references;
mod render;
mod schema;
mod section;
mod shape;
mod slips;
mod stage;
mod stages;
mod supported;
mod syntax;
#[cfg(test)]
mod testing;
mod top;
mod tree;
mod variant;
mod vars;
mod wanted;

pub use accept::NotWritten;
pub use document::file_text;
pub use first_keys::first_keys;
pub use load::{Checked, check, load, load_header, salvage, salvage_stages, stages};
pub use lower::{lower, lower_with_warnings};
pub use render::{document, render};
pub use schema::schema;
pub use tree::line_column;

use crate::diagnostic::{Diagnostic, Span};
use crate::kinds::Registry;
use crate::model::notify::Notify;
use crate::model::{Address, DaemonSettings, DriftSettings, Move, PackageRequest, Path, Section, Table, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;
use variant::Variant;

/// The name of the kind that other kinds stand under.
const FUNCTION: &str = "function";

/// The other kind that has packages.
const LAYER: &str = "layer";

/// What a run says about the file from outside of it.
pub struct LoadOptions<'a> {
    /// The stage, as `--stage` gives it.
    pub stage: Option<&'a str>,
    /// The region, as `--region` gives it; it beats the file.
    pub region: Option<&'a str>,
    /// Under `--local` this machine's architecture, `x86_64` or `arm64`: `[local]` is merged, and what is
    /// built is built for this machine.
    pub local: Option<&'a str>,
    /// The environment variables, for `[vars]`.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
}

/// Where the state is unless the file says it, beside the file.
pub const STATE_FOLDER: &str = "state";

/// What a run must know before it may talk to AWS or to its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The project's name.
    pub project: String,
    /// The stage, if the file declares stages.
    pub stage: Option<String>,
    /// How AWS is reached, and which account is meant.
    pub aws: AwsSettings,
    /// The folder of the file: paths inside the file begin here.
    pub folder: PathBuf,
    /// `state.path`: where the state lies, relative to the folder; `None` for the usual place.
    pub state_path: Option<String>,
    /// Whether nothing of the project may be deleted or replaced.
    pub protect: bool,
    /// How many resources one run may delete or replace, unless the command line says otherwise; any number where absent.
    pub max_deletions: Option<usize>,
    /// Resources that have another address from now on, in this order.
    pub moved: Vec<Move>,
    /// What the daemon may do about drift, and when.
    pub daemon: DaemonSettings,
    /// How drift is looked for, and what is none.
    pub drift: DriftSettings,
    /// Who is told what the daemon finds.
    pub notify: Vec<Notify>,
}

impl Header {
    /// For what needs no file: the state of no project, beside where a file would be.
    pub fn without_file(folder: PathBuf) -> Self {
        Self {
            project: String::new(),
            stage: None,
            aws: AwsSettings::default(),
            folder,
            state_path: None,
            protect: false,
            max_deletions: None,
            moved: Vec::new(),
            daemon: DaemonSettings::default(),
            drift: DriftSettings::default(),
            notify: Vec::new(),
        }
    }

    /// For a file whose project has no usable name, so that the rest of it can be looked at, too.
    fn stand_in(stage: Option<&str>, source: &tree::Source) -> Self {
        let (project, stage) = ("project".to_owned(), stage.map(str::to_owned));
        Self { project, stage, ..Self::without_file(source.folder.clone()) }
    }
}

/// `[aws]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AwsSettings {
    /// The region, from the file or from outside.
    pub region: Option<String>,
    /// The profile of the shared configuration.
    pub profile: Option<String>,
    /// The accounts that this file may be deployed to; empty for any.
    pub allowed_account_ids: Vec<String>,
    /// A role that is assumed first.
    pub assume_role_arn: Option<String>,
    /// The bucket for packages that are too large to be sent with a call.
    pub code_bucket: Option<String>,
    /// Another place where AWS's calls go.
    pub endpoint_url: Option<String>,
}

/// The resolved file.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Project, stage and account.
    pub header: Header,
    /// All sections: those of the top level, then each function followed by what stands under it,
    /// also the empty ones of what every function has.
    pub sections: Vec<Section>,
    /// `[outputs]`, references still open.
    pub outputs: Table,
    /// Warnings.
    pub diagnostics: Vec<Diagnostic>,
    /// What `[discover]` has found.
    discovered: discover::Discovered,
    /// Where each output stands.
    output_spans: BTreeMap<String, Span>,
    /// Where the values of the header stand, such as `aws.region`.
    header_spans: BTreeMap<Path, Span>,
    /// The key that a lone string stands for, by kind.
    shorthands: BTreeMap<String, String>,
    /// The settings that stand where the file gives none, by kind, in the order of the documentation.
    fields: BTreeMap<String, &'static [crate::model::Field]>,
    source: tree::Source,
}

/// The file as another run would read it: in a stage that is not chosen, or in this one with or without `[local]`.
struct Other {
    spec: Spec,
    is_local: bool,
    /// Whether it is the chosen stage, and only `[local]` differs.
    is_local_twin: bool,
}

impl Other {
    fn new(variant: Variant, chosen: Option<&str>, source: &tree::Source, registry: &Registry) -> Self {
        let (is_local, is_local_twin) = (variant.is_local, variant.stage.as_deref() == chosen);
        let findings = variant.findings.clone();
        Self { spec: Spec::new(variant, findings, source, registry), is_local, is_local_twin }
    }
}

impl Spec {
    fn new(variant: Variant, diagnostics: Vec<Diagnostic>, source: &tree::Source, registry: &Registry) -> Self {
        let shorthands = registry.iter().filter_map(|kind| Some((kind.name().to_owned(), kind.shorthand()?.to_owned())));
        let (header, header_spans) =
            variant.header.unwrap_or_else(|| (Header::stand_in(variant.stage.as_deref(), source), BTreeMap::new()));
        Self {
            header,
            sections: variant.sections,
            outputs: variant.outputs,
            diagnostics,
            discovered: variant.discovered,
            output_spans: variant.output_spans,
            header_spans,
            shorthands: shorthands.collect(),
            fields: registry.iter().map(|kind| (kind.name().to_owned(), kind.fields())).collect(),
            source: source.clone(),
        }
    }

    /// The functions' sections.
    pub fn functions(&self) -> impl Iterator<Item = &Section> {
        self.sections.iter().filter(|section| section.kind == FUNCTION)
    }

    /// What the package of each function and layer is made from.
    pub fn packages(&self) -> Vec<PackageRequest> {
        let owners = self.sections.iter().filter(|section| [FUNCTION, LAYER].contains(&section.kind.as_str()));
        let mut requests: Vec<PackageRequest> = owners.map(|section| self.package(section)).collect();
        let of_users: Vec<(Address, String)> = requests
            .iter()
            .flat_map(|user| user.layers_of_spec().into_iter().map(|layer| (layer.clone(), user.runtime.clone())))
            .filter(|(_, runtime)| has_language(runtime))
            .collect();
        for layer in requests.iter_mut().filter(|request| request.address.kind == LAYER && request.runtime.is_empty()) {
            let user = of_users.iter().find(|(used, _)| *used == layer.address);
            layer.runtime = user.map(|(_, runtime)| runtime.clone()).unwrap_or_default();
        }
        requests
    }

    fn package(&self, section: &Section) -> PackageRequest {
        let value = |key: &str| section.values.get(key).cloned().or_else(|| self.default_of(&section.kind, key));
        let source = ["code", "image"].into_iter().find(|key| section.values.contains_key(*key)).unwrap_or("build");
        let architectures = if section.kind == LAYER { "compatible_architectures" } else { "architectures" };
        let text = |key: &str| value(key).as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
        // What a layer brings for a language is installed for the first version of it that it names.
        let compatible = value("compatible_runtimes").filter(|_| section.kind == LAYER);
        let compatible = compatible.and_then(|runtimes| texts(&runtimes).into_iter().find(|runtime| has_language(runtime)));
        PackageRequest {
            address: Address::new(&section.kind, &section.name),
            code: section.values.get("code").cloned(),
            build: section.values.get("build").cloned(),
            image: section.values.get("image").cloned(),
            image_config: section.values.get("image_config").cloned(),
            runtime: compatible.unwrap_or_else(|| text("runtime")),
            handler: text("handler"),
            architectures: texts(&value(architectures).unwrap_or(Value::Null)),
            layers: section.values.get("layers").cloned(),
            environment: section.values.get("environment").cloned(),
            span: section.span_of(&Path::key(source)),
        }
    }

    fn default_of(&self, kind: &str, key: &str) -> Option<Value> {
        crate::model::field::find(self.fields.get(kind)?, key)?.default.value()
    }

    /// The text that was read, for showing where a diagnostic points.
    pub fn text(&self) -> &str {
        &self.source.text
    }
}

/// Whether a runtime has packages of a language, which are installed for its version.
fn has_language(runtime: &str) -> bool {
    ["python", "nodejs"].iter().any(|language| runtime.starts_with(language))
}

/// A list, or a lone text as one.
fn texts(value: &Value) -> Vec<String> {
    value.as_str().map_or_else(|| value.strings(), |lone| vec![lone]).into_iter().map(str::to_owned).collect()
}

/// Sorts by place and drops what was said twice, as happens when a default is wrong for each function: then
/// the place and the rule are the same and the resource is another one.
fn tidy(findings: &mut Vec<Diagnostic>) {
    findings.sort_by_key(|finding| (finding.span.is_none(), finding.span.as_ref().map(|span| (span.start, span.end)), finding.code));
    findings.dedup_by(|later, first| {
        let is_alike = (later.code, &later.span, &later.hints) == (first.code, &first.span, &first.hints);
        later.span.is_some() && is_alike && (later.address != first.address || later.detail == first.detail)
    });
}
