//! Creating, reading, changing and deleting functions.

use super::layers::Used;
use super::packages::{About, Package};
use super::record::{Function, Progress};
use super::settings::Settings;
use super::{Lambda, PENDING_MS, TABLE, UPDATING_MS, checks, images, name, tags};
use crate::local::common::{Call, random_id};
use crate::local::disk::Batch;
use crate::local::ecr::Pulled;
use crate::local::error::{ApiError, Constraints};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The most that ListFunctions answers at once.
const PAGE: usize = 50;

/// A function's code, before the function has it.
struct Code {
    sha256: String,
    size_bytes: u64,
    contents_bytes: u64,
    package: Option<Package>,
    image: Option<Pulled>,
}

/// What CreateFunction and UpdateFunctionCode say of the code.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct CodeInput {
    zip_file: Option<String>,
    s3_bucket: Option<String>,
    s3_key: Option<String>,
    s3_object_version: Option<String>,
    image_uri: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateInput {
    function_name: Option<String>,
    #[serde(default)]
    code: CodeInput,
    package_type: Option<String>,
    architectures: Option<Vec<String>>,
    #[serde(default)]
    tags: Option<BTreeMap<String, String>>,
    publish: Option<bool>,
    #[serde(flatten)]
    settings: Settings,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateCodeInput {
    #[serde(flatten)]
    code: CodeInput,
    architectures: Option<Vec<String>>,
    dry_run: Option<bool>,
    publish: Option<bool>,
    revision_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateConfigurationInput {
    revision_id: Option<String>,
    #[serde(flatten)]
    settings: Settings,
}

impl Lambda {
    /// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>
    pub(super) async fn create(&self, call: &Call, input: CreateInput) -> Result<Value, ApiError> {
        let given = input.function_name.clone().unwrap_or_default();
        name::check_new(&given)?;
        check_model(&input)?;
        let name = self.name_of(call, &given, None)?;
        let tags = input.tags.unwrap_or_default();
        tags::check(&tags)?;
        refuse_publish(input.publish)?;
        let architectures = checked_architectures(input.architectures)?;
        let settings = input.settings.with_defaults();
        let is_image = input.package_type.as_deref() == Some("Image");
        check_kind(is_image, &settings)?;
        checks::settings(&settings)?;
        self.refuse_exists(&call.region, &name)?;
        self.check_role(settings.role.as_deref().unwrap_or_default())?;
        let being_used = (self.packages.being_used().await, self.ecr.blobs().being_used().await);
        let code = self.code(&call.region, is_image, &input.code).await?;
        let layers = self.used_layers(&call.region, settings.layers.as_deref().unwrap_or_default(), code.contents_bytes)?;
        self.keep(code.package).await?;
        let now_ms = self.now_ms();
        let function = Function {
            region: call.region.clone(),
            name: name.clone(),
            settings,
            architectures,
            code_sha256: code.sha256,
            code_size_bytes: code.size_bytes,
            contents_bytes: code.contents_bytes,
            layers,
            image: code.image,
            tags,
            statements: Vec::new(),
            policy_revision: String::new(),
            reserved_concurrency: None,
            modified_ms: now_ms,
            active_at_ms: now_ms + PENDING_MS,
            updated_at_ms: now_ms + PENDING_MS,
            revisions: [random_id(), random_id()],
        };
        let saved = {
            let mut functions = self.locked();
            // Another call may have been faster while the package was written.
            if functions.contains_key(&function.key()) {
                return Err(self.exists(&name));
            }
            let saved = self.common.disk.commit(Batch::new().put(TABLE, &function.disk_key(), &function));
            functions.insert(function.key(), function.clone());
            self.keep_image(&function);
            saved
        };
        drop(being_used);
        saved.wait().await?;
        Ok(self.configuration(&function))
    }

    fn refuse_exists(&self, region: &str, name: &str) -> Result<(), ApiError> {
        if self.locked().contains_key(&(region.to_owned(), name.to_owned())) { Err(self.exists(name)) } else { Ok(()) }
    }

    fn exists(&self, name: &str) -> ApiError {
        ApiError::new(409, "ResourceConflictException", format!("Function already exist: {name}"))
    }

    /// Lambda tries the role: it must be there, and trust Lambda.
    fn check_role(&self, role: &str) -> Result<(), ApiError> {
        match self.iam.trusts(role, "lambda.amazonaws.com") {
            Some(true) => Ok(()),
            _ => Err(invalid("The role defined for the function cannot be assumed by Lambda.")),
        }
    }

    /// Pages of names in their order; the marker is the last name of the page before.
    pub(super) fn list(&self, region: &str, marker: Option<&str>, most: usize) -> Value {
        let functions = self.locked();
        let mut ours =
            functions.values().filter(|function| function.region == region && marker.is_none_or(|marker| function.name.as_str() > marker));
        let page: Vec<&Function> = ours.by_ref().take(most.clamp(1, PAGE)).collect();
        let next = ours.next().and(page.last().map(|last| last.name.clone()));
        let listed: Vec<Value> = page.iter().map(|function| self.listed(function)).collect();
        let mut answer = json!({ "Functions": listed });
        if let Some(next) = next {
            answer["NextMarker"] = next.into();
        }
        answer
    }

    /// <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html>
    pub(super) async fn update_code(&self, region: &str, name: &str, input: UpdateCodeInput) -> Result<Value, ApiError> {
        refuse_publish(input.publish)?;
        let architectures = input.architectures.map(|given| checked_architectures(Some(given))).transpose()?;
        let before = self.find(region, name)?;
        self.refuse_unsettled(&before)?;
        refuse_other_kind(before.image.is_some(), &input.code)?;
        let being_used = (self.packages.being_used().await, self.ecr.blobs().being_used().await);
        let code = self.code(region, before.image.is_some(), &input.code).await?;
        self.used_layers(region, before.settings.layers.as_deref().unwrap_or_default(), code.contents_bytes).or_else(is_deleted)?;
        let change = |function: &mut Function| {
            self.refuse_unsettled(function)?;
            self.check_revision(function, input.revision_id.as_deref())?;
            function.code_sha256.clone_from(&code.sha256);
            function.code_size_bytes = code.size_bytes;
            function.contents_bytes = code.contents_bytes;
            function.image.clone_from(&code.image);
            function.architectures = architectures.unwrap_or(std::mem::take(&mut function.architectures));
            self.touched(function);
            Ok(self.configuration(function))
        };
        if input.dry_run == Some(true) {
            return change(&mut before.clone());
        }
        self.keep(code.package).await?;
        let (answer, saved) = self.change(region, name, |function| {
            let answer = change(function)?;
            self.keep_image(function);
            Ok(answer)
        })?;
        drop(being_used);
        saved.wait().await?;
        self.forget_code(&before).await;
        self.runner.retire(&self.arn(region, name)).await;
        Ok(answer)
    }

    /// <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html>
    pub(super) async fn update_configuration(&self, region: &str, name: &str, input: UpdateConfigurationInput) -> Result<Value, ApiError> {
        let before = self.find(region, name)?;
        checks::settings(&input.settings)?;
        match before.image {
            Some(_) => images::refuse_settings_of_zips(&input.settings)?,
            None => images::refuse_image_config(&input.settings)?,
        }
        let layers = input.settings.layers.as_deref().map(|layers| self.kept_or_used(&before, layers)).transpose()?;
        if let Some(role) = &input.settings.role {
            self.check_role(role)?;
        }
        let (answer, saved) = self.change(region, name, |function| {
            self.refuse_unsettled(function)?;
            self.check_revision(function, input.revision_id.as_deref())?;
            function.settings = std::mem::take(&mut function.settings).updated(input.settings);
            function.layers = layers.unwrap_or(std::mem::take(&mut function.layers));
            self.touched(function);
            Ok(self.configuration(function))
        })?;
        saved.wait().await?;
        self.runner.retire(&self.arn(region, name)).await;
        Ok(answer)
    }

    fn touched(&self, function: &mut Function) {
        function.modified_ms = self.now_ms();
        function.updated_at_ms = function.modified_ms + UPDATING_MS;
        function.revisions = [random_id(), random_id()];
    }

    /// Lambda takes one change at a time.
    pub(super) fn refuse_unsettled(&self, function: &Function) -> Result<(), ApiError> {
        let arn = self.arn(&function.region, &function.name);
        let conflict = |reason: String| {
            let message = format!("The operation cannot be performed at this time. {reason}");
            Err(ApiError::new(409, "ResourceConflictException", message).with("Type", "User"))
        };
        match function.progress(self.now_ms()) {
            Progress::Settled => Ok(()),
            Progress::Pending => conflict("The function is currently in the following state: Pending".into()),
            Progress::Updating => conflict(format!("An update is in progress for resource: {arn}")),
        }
    }

    pub(super) fn check_revision(&self, function: &Function, wanted: Option<&str>) -> Result<(), ApiError> {
        match wanted {
            Some(wanted) if wanted != function.revision(self.now_ms()) => Err(ApiError::new(
                412,
                "PreconditionFailedException",
                "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
            )),
            _ => Ok(()),
        }
    }

    /// <https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunction.html>
    pub(super) async fn delete(&self, region: &str, name: &str) -> Result<(), ApiError> {
        let (removed, saved) = {
            let mut functions = self.locked();
            let key = (region.to_owned(), name.to_owned());
            let removed = functions.remove(&key).ok_or_else(|| self.not_found(region, name))?;
            let saved = self.common.disk.commit(Batch::new().delete(TABLE, &removed.disk_key()));
            (removed, saved)
        };
        saved.wait().await?;
        self.forget_image(&removed).await;
        self.forget_code(&removed).await;
        for layer in removed.layers.iter().filter_map(|layer| layer.code_sha256.as_deref()) {
            self.forget_package(layer).await;
        }
        self.runner.retire(&self.arn(region, name)).await;
        Ok(())
    }

    /// Layers that a function has stay with it, also when they were deleted meanwhile.
    fn kept_or_used(&self, before: &Function, arns: &[String]) -> Result<Vec<Used>, ApiError> {
        let has = |arn: &String| before.layers.iter().any(|used| used.arn == *arn);
        if arns.iter().all(has) {
            let kept = arns.iter().filter_map(|arn| before.layers.iter().find(|used| used.arn == *arn));
            return Ok(kept.cloned().collect());
        }
        self.used_layers(&before.region, arns, before.contents_bytes)
    }

    /// The package that a request sends or names.
    ///
    /// # Errors
    /// What Lambda says to what is no package, or not there.
    pub(super) async fn package_of(&self, region: &str, code: &CodeInput) -> Result<Package, ApiError> {
        let (Some(bucket), Some(key)) = (&code.s3_bucket, &code.s3_key) else { return decoded(code) };
        let stored = self.s3.stored(region, bucket, key, code.s3_object_version.as_deref()).map_err(|error| {
            let (code, message) = (error.code, error.message);
            invalid(&format!("Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {message}"))
        })?;
        Package::stored(stored.path).await
    }

    pub(super) async fn forget_package(&self, sha256: &str) {
        self.packages.forget_unless(sha256, || self.is_needed(sha256)).await;
    }

    fn is_needed(&self, sha256: &str) -> bool {
        self.locked().values().any(|function| function.packages().any(|used| used == sha256))
            || self.layers().hashes().any(|used| used == sha256)
    }

    /// What the code is that a call gives.
    async fn code(&self, region: &str, is_image: bool, input: &CodeInput) -> Result<Code, ApiError> {
        if is_image {
            let image = self.image(region, input.image_uri.as_deref()).await?;
            let sha256 = image.digest.trim_start_matches("sha256:").to_owned();
            return Ok(Code { sha256, size_bytes: 0, contents_bytes: 0, package: None, image: Some(image) });
        }
        let package = self.package_of(region, input).await?;
        let About { sha256, size_bytes, contents_bytes } = package.about();
        Ok(Code { sha256, size_bytes, contents_bytes, package: Some(package), image: None })
    }

    async fn keep(&self, package: Option<Package>) -> Result<(), ApiError> {
        match package {
            Some(package) => self.packages.keep(package).await,
            None => Ok(()),
        }
    }

    /// Removes what a function had before, if nothing else has it.
    async fn forget_code(&self, before: &Function) {
        if before.image.is_some() {
            return self.ecr.blobs().collect().await;
        }
        self.forget_package(&before.code_sha256).await;
    }
}

/// What the model of CreateFunction asks for and no setting is.
fn check_model(input: &CreateInput) -> Result<(), ApiError> {
    let mut constraints = Constraints::new();
    if input.settings.role.is_none() {
        constraints.missing("role");
    }
    if let Some(package_type) = &input.package_type {
        constraints.one_of(package_type, "packageType", &["Zip", "Image"]);
    }
    constraints.check(400, "ValidationException")
}

fn checked_architectures(given: Option<Vec<String>>) -> Result<Vec<String>, ApiError> {
    match given.as_deref() {
        None | Some([]) => Ok(vec!["x86_64".into()]),
        Some([one]) if one == "x86_64" || one == "arm64" => Ok(vec![one.clone()]),
        Some(others) => {
            let message = format!(
                "1 validation error detected: Value '[{}]' at 'architectures' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null, Member must have length less than or equal to 1]",
                others.join(", ")
            );
            Err(ApiError::new(400, "ValidationException", message))
        }
    }
}

fn decoded(code: &CodeInput) -> Result<Package, ApiError> {
    match &code.zip_file {
        Some(zip_file) => Package::decode(zip_file),
        None => Err(invalid("Please provide a source for function code.")),
    }
}

/// What a package type asks for, and what it forbids.
fn check_kind(is_image: bool, settings: &Settings) -> Result<(), ApiError> {
    if is_image {
        return images::refuse_settings_of_zips(settings);
    }
    images::refuse_image_config(settings)?;
    if settings.handler.as_deref().is_none_or(str::is_empty) || settings.runtime.is_none() {
        return Err(invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages."));
    }
    Ok(())
}

/// A function stays a zip, or an image.
fn refuse_other_kind(is_image: bool, code: &CodeInput) -> Result<(), ApiError> {
    match (is_image, &code.image_uri) {
        (true, None) => Err(invalid("Please provide ImageUri when updating a function with packageType Image.")),
        (false, Some(_)) => Err(invalid("Please don't provide ImageUri when updating a function with packageType Zip.")),
        _ => Ok(()),
    }
}

/// A function may keep a layer that was deleted.
fn is_deleted(error: ApiError) -> Result<Vec<Used>, ApiError> {
    if error.message.ends_with("does not exist.") { Ok(Vec::new()) } else { Err(error) }
}

fn refuse_publish(publish: Option<bool>) -> Result<(), ApiError> {
    if publish == Some(true) { Err(invalid("The local cloud does not publish versions yet")) } else { Ok(()) }
}

fn invalid(message: &str) -> ApiError {
    ApiError::new(400, "InvalidParameterValueException", message)
}
