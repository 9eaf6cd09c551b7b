//! What `GetLayerVersion` answers, in the words of the spec.

use super::fields::{FIELDS, KEEP};
use super::mark::Mark;
use super::split;
use crate::kinds::ReadTarget;
use crate::model::field::fill_defaults;
use crate::model::{Live, Table, Value};
use aws_sdk_lambda::operation::get_layer_version::GetLayerVersionOutput;
use aws_sdk_lambda::types::{Architecture, Runtime};

/// A version as it lives.
pub(super) fn live(answer: &GetLayerVersionOutput, target: &ReadTarget<'_>) -> Live {
    let mut live = Live::new(target.physical_id.clone());
    let mark = Mark::read(answer.description().unwrap_or_default());
    live.attributes = attributes(answer);
    live.tags = Some(mark.tags());
    let mut fields = Table::from_iter([
        ("layer_name".to_owned(), split(target.physical_id).0.into()),
        ("description".to_owned(), mark.description.into()),
        ("license_info".to_owned(), answer.license_info().unwrap_or_default().into()),
        ("compatible_runtimes".to_owned(), Value::string_list(answer.compatible_runtimes().iter().map(Runtime::as_str))),
        ("compatible_architectures".to_owned(), Value::string_list(answer.compatible_architectures().iter().map(Architecture::as_str))),
        ("code".to_owned(), code(answer, &mark, target)),
    ]);
    // AWS knows nothing of how many are kept.
    fields.extend(known(target, KEEP).map(|keep| (KEEP.to_owned(), keep)));
    fill_defaults(FIELDS, &mut fields);
    live.fields = fields;
    live
}

/// What is wanted, or else what was applied.
fn known(target: &ReadTarget<'_>, key: &str) -> Option<Value> {
    let wanted = target.desired.filter(|desired| desired.physical_id() == Some(target.physical_id)).map(|desired| &desired.inputs);
    wanted.or_else(|| target.applied.map(|entry| &entry.inputs))?.get(key).cloned()
}

/// The content hash where the mark says so and nothing else is recorded; else the live hash, which equals no content
/// hash.
fn code(answer: &GetLayerVersionOutput, mark: &Mark<'_>, target: &ReadTarget<'_>) -> Value {
    let live = answer.content().and_then(|content| content.code_sha256()).unwrap_or_default();
    let recorded = target.applied.and_then(|entry| entry.attributes.get("code_sha256")).and_then(Value::as_str);
    let is_ours = mark.content == split(target.physical_id).1 && recorded.is_none_or(|recorded| recorded == live);
    known(target, "code").filter(|_| is_ours).unwrap_or_else(|| format!("live:{live}").into())
}

/// The attributes that AWS makes.
pub(super) fn attributes(answer: &GetLayerVersionOutput) -> Table {
    of_version(answer.layer_version_arn(), answer.version(), answer.content().and_then(|content| content.code_sha256()))
}

/// The attributes of the version with this number.
pub(super) fn of_version(arn: Option<&str>, version: i64, code_sha256: Option<&str>) -> Table {
    let mut attributes = Table::from_iter([("version".to_owned(), version.to_string().as_str().into())]);
    attributes.extend(arn.map(|arn| ("arn".to_owned(), arn.into())));
    attributes.extend(code_sha256.map(|hash| ("code_sha256".to_owned(), hash.into())));
    attributes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::layer::tests::lowered;
    use crate::model::Entry;
    use aws_sdk_lambda::types::LayerVersionContentOutput;

    #[test]
    fn a_version_reads_back_as_it_was_lowered_and_foreign_content_shows() {
        let layer = lowered(&[
            ("description", "Tools".into()),
            ("compatible_runtimes", Value::string_list(["python3.13"])),
            ("compatible_architectures", "arm64".into()),
            ("license_info", "MIT".into()),
            ("keep", 2.into()),
        ]);
        let id = layer.physical_id().unwrap();
        let answer = |description: &str| {
            GetLayerVersionOutput::builder()
                .description(description)
                .version(4)
                .license_info("MIT")
                .compatible_runtimes("python3.13".into())
                .compatible_architectures(Architecture::Arm64)
                .content(LayerVersionContentOutput::builder().code_sha256("LIVE").build())
                .build()
        };
        let mut entry = Entry::new(id.clone());
        let seen = |entry: Option<&Entry>, description: &str| {
            let target = ReadTarget {
                address: &layer.address,
                physical_id: id,
                desired: Some(&layer),
                applied: entry,
                deep: false,
                strangers: false,
                undeclared: false,
                has_parts: false,
                lineage: "l",
            };
            live(&answer(description), &target)
        };
        let ours = Mark { description: "Tools", lineage: Some("l"), content: split(id).1 }.text();
        let found = seen(Some(&entry), &ours);
        assert_eq!((found.fields, found.tags.unwrap()["lambdo:lineage"].as_str()), (layer.inputs.clone(), "l"));
        assert_eq!(seen(None, "Tools").fields[&"code".to_owned()], "live:LIVE".into());
        entry.attributes.insert("code_sha256".into(), "OTHER".into());
        assert_eq!(seen(Some(&entry), &ours).fields[&"code".to_owned()], "live:LIVE".into());
    }
}
