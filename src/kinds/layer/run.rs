//! Publishing and deleting versions.

use super::live::{attributes, of_version};
use super::mark::Mark;
use super::read::{mark, versions};
use super::split;
use crate::aws::{AwsError, ErrorClass, Package, Writer};
use crate::kinds::arguments::{gone_is_done, optional, refused, strings, text, unknown_call};
use crate::kinds::{Done, RunContext, code_object};
use crate::model::{Operation, StoredCode, Table};
use aws_sdk_lambda::operation::delete_layer_version::builders::DeleteLayerVersionInputBuilder;
use aws_sdk_lambda::operation::get_layer_version::builders::GetLayerVersionInputBuilder;
use aws_sdk_lambda::operation::publish_layer_version::PublishLayerVersionOutput;
use aws_sdk_lambda::operation::publish_layer_version::builders::PublishLayerVersionInputBuilder;
use aws_sdk_lambda::types::{Architecture, LayerVersionContentInput, LayerVersionsListItem, Runtime};

pub(super) async fn run(writer: &Writer, operation: &Operation, context: &RunContext<'_>) -> Result<Done, AwsError> {
    match operation.call.as_str() {
        "lambda:PublishLayerVersion" => publish(writer, operation, context).await,
        "lambda:DeleteLayerVersion" => delete(writer, operation, context.lineage).await,
        _ => Err(unknown_call(operation)),
    }
}

/// Publishes, unless an earlier run did whose answer was lost: AWS would make one more version each time.
async fn publish(writer: &Writer, operation: &Operation, context: &RunContext<'_>) -> Result<Done, AwsError> {
    let id = operation.physical_id.as_ref().ok_or_else(|| refused(operation, "the layer has no name"))?;
    let (name, content) = split(id);
    let there = versions(writer.reader(), name).await?;
    if let Some(ours) = of(&there, context.lineage, content).max() {
        forget_twins(writer, name, of(&there, context.lineage, content), ours).await?;
        return Ok(Done { physical_id: Some(id.clone()), attributes: seen(writer, name, ours).await? });
    }
    if !there.is_empty() && !there.iter().any(|version| mark(version).lineage == Some(context.lineage)) {
        let message = format!(
            "there is a layer `{name}` in AWS already, and this state made none of its versions; give the layer another name with `layer_name`"
        );
        return Err(AwsError::own(&operation.call, ErrorClass::AlreadyExists, message));
    }
    let mark = Mark {
        description: operation.arguments.get("description").and_then(|text| text.as_str()).unwrap_or_default(),
        lineage: Some(context.lineage),
        content,
    };
    let answer = send(writer, operation, context, request(name, &mark, &operation.arguments)).await?;
    let newest = there.iter().map(LayerVersionsListItem::version).max().unwrap_or(0);
    if answer.version() > newest + 1 {
        let there = versions(writer.reader(), name).await?;
        forget_twins(writer, name, of(&there, context.lineage, content), answer.version()).await?;
    }
    let sha256 = answer.content().and_then(|content| content.code_sha256());
    let attributes = of_version(answer.layer_version_arn(), answer.version(), sha256);
    Ok(Done { physical_id: Some(id.clone()), attributes })
}

/// The numbers of the versions that this state made with this content.
fn of<'a>(versions: &'a [LayerVersionsListItem], lineage: &'a str, content: &'a str) -> impl Iterator<Item = i64> + 'a {
    let is_it = move |version: &&LayerVersionsListItem| mark(version).lineage == Some(lineage) && mark(version).content == content;
    versions.iter().filter(is_it).map(LayerVersionsListItem::version)
}

async fn seen(writer: &Writer, name: &str, version: i64) -> Result<Table, AwsError> {
    let input = GetLayerVersionInputBuilder::default().layer_name(name).version_number(version);
    Ok(attributes(&writer.reader().get_layer_version(input).await?))
}

/// An attempt whose answer was lost may have made a version too, which nobody would ever delete.
async fn forget_twins(writer: &Writer, name: &str, all: impl Iterator<Item = i64> + Send, kept: i64) -> Result<(), AwsError> {
    for twin in all.filter(|version| *version != kept) {
        let input = DeleteLayerVersionInputBuilder::default().layer_name(name).version_number(twin);
        gone_is_done(writer.delete_layer_version(input).await)?;
    }
    Ok(())
}

fn request(name: &str, mark: &Mark<'_>, arguments: &Table) -> PublishLayerVersionInputBuilder {
    let list = |key: &str| strings(arguments, key).filter(|list| !list.is_empty());
    let runtimes = list("compatible_runtimes").map(|names| names.iter().map(|name| Runtime::from(name.as_str())).collect());
    let architectures = list("compatible_architectures").map(|names| names.iter().map(|name| Architecture::from(name.as_str())).collect());
    PublishLayerVersionInputBuilder::default()
        .layer_name(name)
        .description(mark.text())
        .set_compatible_runtimes(runtimes)
        .set_compatible_architectures(architectures)
        .set_license_info(optional(arguments, "license_info").filter(|license| !license.is_empty()))
}

async fn send(
    writer: &Writer,
    operation: &Operation,
    context: &RunContext<'_>,
    request: PublishLayerVersionInputBuilder,
) -> Result<PublishLayerVersionOutput, AwsError> {
    let content_hash = text(operation, "code")?;
    match code_object::stored(&operation.arguments) {
        Some(StoredCode { bucket, key, version }) => {
            let content = LayerVersionContentInput::builder().s3_bucket(bucket).s3_key(key).set_s3_object_version(version);
            writer.publish_layer_version_by_reference(request.content(content.build())).await
        }
        None => writer.publish_layer_version(request, &Package { source: context.artifacts, content_hash }).await,
    }
}

/// The version goes last: as long as it is there, the next run sees that something is left to do.
async fn delete(writer: &Writer, operation: &Operation, lineage: &str) -> Result<Done, AwsError> {
    let version = text(operation, "version")?.parse().map_err(|_| refused(operation, "the version is no number"))?;
    if let Some(id) = &operation.physical_id {
        let (name, content) = split(id);
        let there = versions(writer.reader(), name).await?;
        forget_twins(writer, name, of(&there, lineage, content), version).await?;
    }
    let input = DeleteLayerVersionInputBuilder::default().layer_name(text(operation, "layer_name")?).version_number(version);
    gone_is_done(writer.delete_layer_version(input).await)
}
