//! What a function is deployed as, a zip or an image, and which settings belong to one of the two only.

use crate::diagnostic::Diagnostic;
use crate::kinds::image_uri::{ImageUri, repository_uri};
use crate::kinds::lowering::finding;
use crate::kinds::{Context, RepositoryFacts};
use crate::model::{Address, Artifact, Path, Resource, Section, Table, Value};

/// The setting that tells the two apart. A zip is what it is without it.
pub(super) const PACKAGE_TYPE: &str = "package_type";
/// Its value for an image.
pub(super) const IMAGE: &str = "Image";
/// Where an image comes from.
pub(super) const SOURCE: &str = "image";
/// What of an image's own settings is another for one function.
pub(super) const CONFIG: &str = "image_config";

/// Settings that a function has only as a zip.
/// Source: <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>
pub(super) const OF_ZIPS: &[&str] = &["runtime", "handler", "layers", "snap_start"];
/// Settings that a function has only as an image.
const OF_IMAGES: &[&str] = &[CONFIG];

/// The settings that a function cannot have that is, or is not, an image.
pub fn forbidden(is_image: bool) -> &'static [&'static str] {
    if is_image { OF_ZIPS } else { OF_IMAGES }
}

/// Whether these are the settings of a function that is deployed as an image.
pub(super) fn is_image(inputs: &Table) -> bool {
    inputs.get(PACKAGE_TYPE).and_then(Value::as_str) == Some(IMAGE)
}

/// Takes away what stands only because it is a default.
pub(super) fn without_foreign(inputs: &mut Table) {
    if is_image(inputs) {
        OF_ZIPS.iter().for_each(|key| drop(inputs.remove(*key)));
    }
}

/// The address that Lambda gets: the given one, or the one in the repository that the image is pushed to. Nothing
/// where the image is not made yet.
pub(super) fn image_uri(section: &Section, context: &Context<'_>, artifact: Option<&Artifact>) -> Option<Value> {
    let image = section.values.get(SOURCE)?.as_table()?;
    if let Some(uri) = image.get("uri") {
        return Some(uri.clone());
    }
    let facts = context.functions.get(&section.name)?;
    let repository = facts.repository.as_ref()?;
    let digest = artifact?.content_hash.as_str();
    Some(format!("{}@{digest}", repository_uri(context.target, &repository.repository_name)).into())
}

/// The settings of an image in one form: lists, and nothing that is empty, which means the image's own. Nothing where
/// nothing is left.
pub(super) fn canonical_config(config: &Table) -> Option<Table> {
    let one_form = |value: &Value| match value {
        Value::List(items) if items.is_empty() => None,
        Value::String(text) if text.is_empty() => None,
        other => Some(other.clone()),
    };
    let as_list = |key: &str, value: Value| match (key, value) {
        ("working_directory", text) | (_, text @ Value::List(_)) => text,
        (_, lone) => Value::List(vec![lone]),
    };
    let entries = config.iter().filter_map(|(key, value)| Some((key.clone(), as_list(key, one_form(value)?))));
    Some(entries.collect::<Table>()).filter(|config| !config.is_empty())
}

/// The function's own repository and its image, which come with a function whose image is pushed.
pub(super) fn company(section: &Section, context: &Context<'_>) -> Vec<Resource> {
    let Some(facts) = context.functions.get(&section.name) else { return Vec::new() };
    let Some(repository) = &facts.repository else { return Vec::new() };
    let image = crate::kinds::image::of_function(facts, repository, context).map(|(image, _)| image);
    crate::kinds::ecr::undeclared(facts, section, context).into_iter().chain(image).collect()
}

/// What a function that is pushed waits for.
pub(super) fn needed(section: &Section, context: &Context<'_>) -> Vec<Address> {
    let is_known = |repository: &&RepositoryFacts| repository.is_declared || repository.is_own;
    let repository = context.functions.get(&section.name).and_then(|facts| facts.repository.as_ref()).filter(is_known);
    let is_made = context.artifacts.contains_key(&Address::new(super::KIND, &section.name));
    let image = is_made.then(|| Address::new(crate::kinds::image::KIND, &section.name));
    repository.map(|repository| image.into_iter().chain([repository.address.clone()])).into_iter().flatten().collect()
}

/// What a function asks for that its package type does not have, and an image that it cannot have.
pub(super) fn problems(section: &Section, context: &Context<'_>) -> Vec<Diagnostic> {
    let is_image = section.values.contains_key(SOURCE);
    let given = forbidden(is_image).iter().filter(|key| section.values.contains_key(**key));
    let told = given.map(|key| finding(section, &Path::key(key), not_for(key, is_image)));
    told.chain(contradiction(section, is_image)).chain(elsewhere(section, context)).chain(unknown_repository(section, context)).collect()
}

fn not_for(key: &str, is_image: bool) -> Diagnostic {
    if !is_image {
        return Diagnostic::error("not-for-zips", "The setting belongs to images")
            .detail(format!("`{key}` changes what a container image starts with, and the function has no `image`."))
            .hint("`runtime` and `handler` say what of a zip is called");
    }
    let hint = match key {
        "handler" => "what the image starts is said with `image_config = { command = [\"app.handler\"] }`",
        "layers" => "put the files of the layers into the image",
        "snap_start" => "take it away: snapshots are made of zips only",
        _ => "take it away: the image brings its own",
    };
    Diagnostic::error("not-for-images", "The setting belongs to zips")
        .detail(format!("`{key}` is no setting of a function that is made of an `image`; Lambda refuses it."))
        .hint(hint)
}

fn contradiction(section: &Section, is_image: bool) -> Option<Diagnostic> {
    let given = section.string(PACKAGE_TYPE).filter(|given| (*given == IMAGE) != is_image)?;
    let found = Diagnostic::error("package-type", "The package type is another one")
        .detail(format!("`{PACKAGE_TYPE}` is `{given}`, and the function {} `image`.", if is_image { "has an" } else { "has no" }))
        .hint(format!("take `{PACKAGE_TYPE}` away: it follows from where the code comes from"));
    Some(finding(section, &Path::key(PACKAGE_TYPE), found))
}

/// Lambda takes images of its own region only.
fn elsewhere(section: &Section, context: &Context<'_>) -> Option<Diagnostic> {
    let text = section.values.get(SOURCE)?.as_table()?.get("uri")?.as_str()?;
    let (_, region) = ImageUri::parse(text)?.registry()?;
    let ours = context.region().filter(|ours| *ours != region)?;
    let found = Diagnostic::error("elsewhere", "Something lies in another region or partition")
        .detail(format!(
            "`{text}` is in the region `{region}`, and this is deployed to `{ours}`; Lambda takes images of its own region only."
        ))
        .hint("copy the image there, or let ECR replicate it");
    Some(finding(section, &Path::key(SOURCE).join("uri"), found))
}

fn unknown_repository(section: &Section, context: &Context<'_>) -> Option<Diagnostic> {
    let name = section.values.get(SOURCE)?.as_table()?.get("repository")?.as_str()?;
    let repository = context.functions.get(&section.name)?.repository.as_ref().filter(|repository| !repository.is_declared)?;
    let hint = match &repository.nearest {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("declare it as `[ecr.{name}]`, or take `repository` away: the function then gets one of its own"),
    };
    let found = Diagnostic::error("unknown-repository", "The repository is not declared")
        .detail(format!("`repository = \"{name}\"` names no `[ecr.{name}]`."))
        .hint(hint);
    Some(finding(section, &Path::key(SOURCE).join("repository"), found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::function::tests::table;

    #[test]
    fn the_settings_of_an_image_have_one_form() {
        let of = |config: Value| canonical_config(config.as_table().unwrap()).map(|config| Value::Table(config).to_json().to_string());
        assert_eq!(
            of(table([("command", "app.handler".into()), ("working_directory", "".into())])).as_deref(),
            Some(r#"{"command":["app.handler"]}"#)
        );
        assert_eq!(of(table([("entry_point", Value::List(vec![])), ("working_directory", "".into())])), None);
        assert_eq!(of(table([("working_directory", "/x".into())])).as_deref(), Some(r#"{"working_directory":"/x"}"#));
    }
}
