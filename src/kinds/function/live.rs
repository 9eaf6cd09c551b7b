//! What `GetFunction` answers, in the words of the spec.

use super::fields::FIELDS;
use super::package_type::{CONFIG, IMAGE, PACKAGE_TYPE, canonical_config, without_foreign};
use super::settle::{Readiness, readiness};
use crate::aws::{AwsError, ErrorClass};
use crate::kinds::reading::{self, text_table};
use crate::kinds::tagging;
use crate::model::field::fill_defaults;
use crate::model::{Live, Path, PhysicalId, Table, Unchecked, Value};
use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::types::{
    Architecture, EnvironmentResponse, FunctionCodeLocation, FunctionConfiguration, ImageConfig, Layer, LoggingConfig, PackageType,
    Runtime, VpcConfigResponse,
};

/// The code of a function that Lambda could not make ready; it equals no content hash.
pub(super) const FAILED: &str = "live:failed";

/// The attribute with the address of the image, by digest, that Lambda runs.
pub(super) const RESOLVED: &str = "resolved_image_uri";

/// What is known of a function besides what AWS answers.
pub(super) struct Known<'a> {
    /// Its settings as applied.
    pub applied: Option<&'a Table>,
    /// Its attributes as recorded.
    pub attributes: Option<&'a Table>,
    /// Its settings as wanted.
    pub desired: Option<&'a Table>,
}

impl Known<'_> {
    /// Whether one of the sides gives a key of `logging_config`.
    fn logs(&self, key: &str) -> bool {
        let gives = |table: &Table| table.get("logging_config").and_then(Value::as_table).is_some_and(|config| config.contains_key(key));
        self.applied.is_some_and(gives) || self.desired.is_some_and(gives)
    }
}

/// The function as it lives. Settings that AWS leaves out have its defaults.
pub(super) fn live(answer: &GetFunctionOutput, physical_id: &PhysicalId, known: &Known<'_>) -> Live {
    let mut live = Live::new(physical_id.clone());
    if let Some(configuration) = answer.configuration() {
        live.fields = fields(configuration, known);
        live.attributes = attributes(configuration);
        if configuration.package_type() == Some(&PackageType::Image) {
            as_image(&mut live, configuration, answer.code(), known);
        }
        live.unchecked.extend(configuration.environment().and_then(unreadable_environment));
    }
    if let Readiness::Failed(reason) = readiness(answer) {
        // Sending the code again makes Lambda try again.
        live.fields.insert("code".to_owned(), FAILED.into());
        live.remarks.push(format!("the state that Lambda reports: {reason}"));
    }
    let reserved = answer.concurrency().and_then(|concurrency| concurrency.reserved_concurrent_executions());
    live.fields.extend(reserved.map(|number| ("reserved_concurrent_executions".to_owned(), i64::from(number).into())));
    match unread_tags(answer) {
        Some(error) => live.unchecked.push(reading::unchecked(Path::key("tags"), &error)),
        None => tagging::show(&mut live, answer.tags().into_iter().flatten()),
    }
    live
}

/// The attributes that AWS makes.
pub(super) fn attributes(configuration: &FunctionConfiguration) -> Table {
    let mut attributes = Table::new();
    put(&mut attributes, "arn", configuration.function_arn());
    put(&mut attributes, "function_name", configuration.function_name());
    put(&mut attributes, "role", configuration.role());
    put(&mut attributes, "code_sha256", configuration.code_sha256());
    put(&mut attributes, "version", configuration.version());
    attributes
}

/// Puts in a text, where there is one.
pub(super) fn put(table: &mut Table, key: &str, text: Option<&str>) {
    table.extend(text.map(|text| (key.to_owned(), text.into())));
}

fn fields(configuration: &FunctionConfiguration, known: &Known<'_>) -> Table {
    let mut fields = Table::new();
    put(&mut fields, "function_name", configuration.function_name());
    put(&mut fields, "description", configuration.description());
    put(&mut fields, "runtime", configuration.runtime().map(Runtime::as_str));
    put(&mut fields, "handler", configuration.handler());
    put(&mut fields, "role", configuration.role());
    put(&mut fields, "kms_key_arn", configuration.kms_key_arn());
    fields.extend(configuration.memory_size().map(|size| ("memory_size".to_owned(), i64::from(size).into())));
    fields.extend(configuration.timeout().map(|seconds| ("timeout".to_owned(), i64::from(seconds).into())));
    fields.insert("code".to_owned(), code(configuration, known));
    let architectures = configuration.architectures();
    if !architectures.is_empty() {
        fields.insert("architectures".to_owned(), Value::string_list(architectures.iter().map(Architecture::as_str)));
    }
    let variables = configuration.environment().and_then(EnvironmentResponse::variables);
    fields.insert("environment".to_owned(), variables.map_or_else(|| Table::new().into(), text_table));
    fields.insert("layers".to_owned(), Value::string_list(configuration.layers().iter().filter_map(Layer::arn)));
    fields.insert("logging_config".to_owned(), logging(configuration, known));
    fields.extend(tables(configuration));
    fill_defaults(FIELDS, &mut fields);
    fields
}

/// The settings that are tables with keys of their own. What AWS leaves out is filled in later.
fn tables(configuration: &FunctionConfiguration) -> Vec<(String, Value)> {
    let one = |key: &str, value: Value| Value::Table(Table::from_iter([(key.to_owned(), value)]));
    let storage = configuration.ephemeral_storage().map(|storage| one("size", i64::from(storage.size()).into()));
    let tracing = configuration.tracing_config().and_then(|tracing| tracing.mode()).map(|mode| one("mode", mode.as_str().into()));
    let snap_start = configuration.snap_start().and_then(|snap| snap.apply_on()).map(|mode| one("apply_on", mode.as_str().into()));
    let dead_letter = configuration.dead_letter_config().and_then(|target| target.target_arn());
    let mounts = configuration.file_system_configs().iter().map(|mount| {
        let path = ("local_mount_path".to_owned(), mount.local_mount_path().into());
        Value::Table(Table::from_iter([("arn".to_owned(), mount.arn().into()), path]))
    });
    let found = [
        ("ephemeral_storage", storage),
        ("tracing_config", tracing),
        ("snap_start", snap_start),
        ("dead_letter_config", dead_letter.map(|target| one("target_arn", target.into()))),
        ("vpc_config", configuration.vpc_config().map(vpc)),
        ("file_system_configs", Some(Value::List(mounts.collect()))),
    ];
    found.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

/// The content hash where the code is what was applied; else the live hash, which equals no content hash.
fn code(configuration: &FunctionConfiguration, known: &Known<'_>) -> Value {
    let live = configuration.code_sha256().unwrap_or_default();
    let recorded = known.attributes.and_then(|attributes| attributes.get("code_sha256")).and_then(Value::as_str);
    let applied = known.applied.and_then(|applied| applied.get("code")).filter(|_| recorded == Some(live));
    applied.cloned().unwrap_or_else(|| format!("live:{live}").into())
}

/// What is different where it is an image: it is known by its address, has settings of its own, and others not at all.
fn as_image(live: &mut Live, configuration: &FunctionConfiguration, location: Option<&FunctionCodeLocation>, known: &Known<'_>) {
    let fields = &mut live.fields;
    fields.insert(PACKAGE_TYPE.to_owned(), IMAGE.into());
    without_foreign(fields);
    let response = configuration.image_config_response();
    let config = response.and_then(|response| response.image_config()).map(image_config).and_then(|config| canonical_config(&config));
    fields.extend(config.map(|config| (CONFIG.to_owned(), config.into())));
    if let Some(error) = response.and_then(|response| response.error()) {
        live.unchecked.push(unchecked(CONFIG, error.error_code().unwrap_or_default(), error.message().unwrap_or_default()));
    }
    let sent = location.and_then(FunctionCodeLocation::image_uri);
    let resolved = location.and_then(FunctionCodeLocation::resolved_image_uri);
    put(&mut live.attributes, RESOLVED, resolved.or(sent));
    // By a tag, Lambda was given whatever it led to then; only the hash tells whether that is what was applied.
    let is_by_tag = sent.is_some_and(|uri| !uri.contains('@'));
    let is_as_applied = matches!(live.fields.get("code"), Some(Value::String(code)) if !code.starts_with("live:"));
    let is_known = known.applied.is_some();
    let code = if is_by_tag && is_known && !is_as_applied { resolved } else { sent };
    put(&mut live.fields, "code", code);
}

fn image_config(config: &ImageConfig) -> Table {
    let mut table = Table::from_iter([
        ("command".to_owned(), Value::string_list(config.command())),
        ("entry_point".to_owned(), Value::string_list(config.entry_point())),
    ]);
    put(&mut table, "working_directory", config.working_directory());
    table
}

/// An absent VPC and one without subnets are the same; AWS answers either.
fn vpc(config: &VpcConfigResponse) -> Value {
    let ipv6 = config.ipv6_allowed_for_dual_stack().unwrap_or(false);
    Value::Table(Table::from_iter([
        ("subnet_ids".to_owned(), sorted(Value::string_list(config.subnet_ids()))),
        ("security_group_ids".to_owned(), sorted(Value::string_list(config.security_group_ids()))),
        ("ipv6_allowed_for_dual_stack".to_owned(), ipv6.into()),
    ]))
}

/// A list whose order does not count, in the one order that all its equals have.
pub(super) fn sorted(list: Value) -> Value {
    let Value::List(mut items) = list else { return list };
    items.sort_by_cached_key(|item| item.to_json().to_string());
    Value::List(items)
}

/// AWS fills in levels for JSON logs that nobody asked for; they count only where somebody did.
fn logging(configuration: &FunctionConfiguration, known: &Known<'_>) -> Value {
    let config = configuration.logging_config();
    let usual = format!("/aws/lambda/{}", configuration.function_name().unwrap_or_default());
    let format = config.and_then(LoggingConfig::log_format).map_or("Text", |format| format.as_str());
    let mut table = Table::from_iter([
        ("log_format".to_owned(), format.into()),
        ("log_group".to_owned(), config.and_then(LoggingConfig::log_group).unwrap_or(&usual).into()),
    ]);
    let levels = [
        ("application_log_level", config.and_then(|config| Some(config.application_log_level()?.as_str()))),
        ("system_log_level", config.and_then(|config| Some(config.system_log_level()?.as_str()))),
    ];
    for (key, level) in levels {
        put(&mut table, key, level.filter(|_| known.logs(key)));
    }
    table.into()
}

fn unreadable_environment(environment: &EnvironmentResponse) -> Option<Unchecked> {
    let error = environment.error()?;
    Some(unchecked("environment", error.error_code().unwrap_or_default(), error.message().unwrap_or_default()))
}

fn unchecked(key: &str, code: &str, message: &str) -> Unchecked {
    reading::unchecked(Path::key(key), &of_part(code, message))
}

/// Why an answer has no tags in it, where that does not mean that there are none.
pub(super) fn unread_tags(answer: &GetFunctionOutput) -> Option<AwsError> {
    answer.tags_error().map(|error| of_part(error.error_code(), error.message()))
}

/// The error of a part that Lambda could not read for its answer, and that stands in the part's place.
fn of_part(code: &str, message: &str) -> AwsError {
    let class = if code.contains("AccessDenied") { ErrorClass::Denied } else { ErrorClass::Other };
    AwsError { code: Some(code.to_owned()), ..AwsError::own("lambda:GetFunction", class, message) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::function::tests::{lowered, table};
    use aws_sdk_lambda::types::{Concurrency, EnvironmentError, LogFormat, SnapStartResponse, TagsError};

    const NOTHING: Known<'static> = Known { applied: None, attributes: None, desired: None };

    fn smallest() -> aws_sdk_lambda::types::builders::FunctionConfigurationBuilder {
        FunctionConfiguration::builder()
            .function_name("demo-hash")
            .function_arn("arn:aws:lambda:us-east-1:123456789012:function:demo-hash")
            .runtime("provided.al2023".into())
            .handler("bootstrap")
            .role("arn:role")
            .code_sha256("LIVE")
            .version("$LATEST")
    }

    fn seen(configuration: FunctionConfiguration, known: &Known<'_>) -> Live {
        live(&GetFunctionOutput::builder().configuration(configuration).build(), &"demo-hash".into(), known)
    }

    #[test]
    fn a_function_made_of_defaults_reads_back_as_it_was_lowered() {
        let mut desired = lowered(&[]).resources.remove(0).inputs;
        desired.insert("role".to_owned(), "arn:role".into());
        let applied = desired.clone();
        let attributes = Table::from_iter([("code_sha256".to_owned(), "LIVE".into())]);
        let known = Known { applied: Some(&applied), attributes: Some(&attributes), desired: None };
        let empty_vpc = VpcConfigResponse::builder().vpc_id("").set_subnet_ids(Some(vec![])).build();
        assert_eq!(seen(smallest().build(), &known).fields, desired);
        assert_eq!(seen(smallest().vpc_config(empty_vpc).build(), &known).fields, desired);
    }

    #[test]
    fn a_function_with_everything_reads_back_as_it_was_lowered() {
        let mount = table([("arn", "arn:fs".into()), ("local_mount_path", "/mnt/x".into())]);
        let mut desired = lowered(&[
            ("description", "d".into()),
            ("memory_size", 256.into()),
            ("timeout", 9.into()),
            ("architectures", "arm64".into()),
            ("environment", table([("AA", 1.into())])),
            ("ephemeral_storage", table([("size", 1024.into())])),
            ("layers", Value::string_list(["arn:b", "arn:a"])),
            ("vpc_config", table([("subnet_ids", Value::string_list(["s2", "s1"])), ("security_group_ids", Value::string_list(["g"]))])),
            ("dead_letter_config", table([("target_arn", "arn:aws:sqs:us-east-1:123456789012:q".into())])),
            ("tracing_config", table([("mode", "Active".into())])),
            ("logging_config", table([("log_format", "JSON".into()), ("system_log_level", "WARN".into())])),
            ("kms_key_arn", "arn:k".into()),
            ("file_system_configs", Value::List(vec![mount])),
            ("reserved_concurrent_executions", 5.into()),
            ("tags", table([("team", "x".into())])),
        ])
        .resources
        .remove(0)
        .inputs;
        desired.insert("role".to_owned(), "arn:role".into());
        desired.insert("code".to_owned(), "live:LIVE".into());
        let request = super::super::request::configuration(&desired).unwrap().build().unwrap();
        let vpc = request.vpc_config.unwrap();
        let logging = LoggingConfig::builder()
            .log_format(LogFormat::Json)
            .log_group("/aws/lambda/demo-hash")
            .application_log_level("INFO".into())
            .system_log_level("WARN".into());
        let configuration = smallest()
            .set_description(request.description)
            .set_memory_size(request.memory_size)
            .set_timeout(request.timeout)
            .architectures(Architecture::Arm64)
            .environment(EnvironmentResponse::builder().variables("AA", "1").build())
            .set_ephemeral_storage(request.ephemeral_storage)
            .layers(Layer::builder().arn("arn:b").build())
            .layers(Layer::builder().arn("arn:a").build())
            .vpc_config(
                VpcConfigResponse::builder().subnet_ids("s1").subnet_ids("s2").set_security_group_ids(vpc.security_group_ids).build(),
            )
            .set_dead_letter_config(request.dead_letter_config)
            .tracing_config(aws_sdk_lambda::types::TracingConfigResponse::builder().mode("Active".into()).build())
            .logging_config(logging.build())
            .set_kms_key_arn(request.kms_key_arn)
            .set_file_system_configs(request.file_system_configs)
            .snap_start(SnapStartResponse::builder().apply_on("None".into()).build())
            .build();
        let answer = GetFunctionOutput::builder()
            .configuration(configuration)
            .concurrency(Concurrency::builder().reserved_concurrent_executions(5).build())
            .tags("team", "x")
            .tags("aws:cloudformation:stack-name", "y")
            .build();
        let known = Known { applied: None, attributes: None, desired: Some(&desired) };
        assert_eq!(live(&answer, &"demo-hash".into(), &known).fields, desired);
    }

    #[test]
    fn an_image_is_known_by_its_address_and_by_a_tag_only_while_it_is_what_was_applied() {
        let digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        let by_digest = format!("r.example/app@{digest}");
        let applied = Table::from_iter([("code".to_owned(), "r.example/app:v1".into())]);
        let image = |uri: &str, recorded: &str| {
            let attributes = Table::from_iter([("code_sha256".to_owned(), recorded.into())]);
            let known = Known { applied: Some(&applied), attributes: Some(&attributes), desired: None };
            let location = FunctionCodeLocation::builder().image_uri(uri).resolved_image_uri(&by_digest).build();
            let answer = GetFunctionOutput::builder().configuration(smallest().package_type(PackageType::Image).build()).code(location);
            live(&answer.build(), &"demo-hash".into(), &known)
        };
        for (uri, recorded, code) in [
            ("r.example/app:v1", "LIVE", "r.example/app:v1"),
            ("r.example/app:v1", "OTHER", by_digest.as_str()),
            (by_digest.as_str(), "OTHER", by_digest.as_str()),
        ] {
            let live = image(uri, recorded);
            assert_eq!(live.fields.get("code"), Some(&code.into()), "{uri} {recorded}");
            assert_eq!(live.attributes.get(RESOLVED), Some(&by_digest.as_str().into()));
            assert!(["runtime", "handler", "layers", "snap_start"].iter().all(|key| !live.fields.contains_key(*key)));
        }
    }

    #[test]
    fn code_is_the_applied_one_only_while_the_recorded_hash_lives() {
        let applied = Table::from_iter([("code".to_owned(), "sha256:aa".into())]);
        let code = |recorded: &str| {
            let attributes = Table::from_iter([("code_sha256".to_owned(), recorded.into())]);
            let known = Known { applied: Some(&applied), attributes: Some(&attributes), desired: None };
            seen(smallest().build(), &known).fields.remove("code").unwrap()
        };
        assert_eq!(code("LIVE"), "sha256:aa".into());
        assert_eq!(code("OTHER"), "live:LIVE".into());
        assert_eq!(seen(smallest().build(), &NOTHING).fields.remove("code"), Some("live:LIVE".into()));
    }

    #[test]
    fn a_function_that_lambda_could_not_make_ready_has_not_the_code_that_was_applied() {
        let applied = Table::from_iter([("code".to_owned(), "sha256:aa".into())]);
        let attributes = Table::from_iter([("code_sha256".to_owned(), "LIVE".into())]);
        let known = Known { applied: Some(&applied), attributes: Some(&attributes), desired: None };
        let failed = smallest().state("Failed".into()).state_reason("no subnet").build();
        let half = smallest().state("Active".into()).last_update_status("Failed".into()).last_update_status_reason("no key").build();
        for (configuration, reason) in [(failed, "no subnet"), (half, "no key")] {
            let live = seen(configuration, &known);
            assert_eq!(live.fields[&"code".to_owned()], "live:failed".into());
            assert!(live.remarks[0].ends_with(reason), "{:?}", live.remarks);
        }
        let busy = smallest().state("Pending".into()).build();
        let active = smallest().state("Active".into()).last_update_status("Successful".into()).build();
        for configuration in [busy, active] {
            let live = seen(configuration, &known);
            assert_eq!((&live.fields[&"code".to_owned()], &live.remarks[..]), (&"sha256:aa".into(), &[][..]));
        }
    }

    #[test]
    fn what_may_not_be_read_is_unchecked_and_not_empty() {
        let error = EnvironmentError::builder().error_code("AccessDeniedException").message("kms").build();
        let configuration = smallest().environment(EnvironmentResponse::builder().error(error).build()).build();
        let tags = TagsError::builder().error_code("AccessDeniedException").message("ListTags").build().unwrap();
        let answer = GetFunctionOutput::builder().configuration(configuration).tags_error(tags).build();
        let live = live(&answer, &"demo-hash".into(), &NOTHING);
        assert_eq!(live.tags, None);
        assert!(live.is_unread(&Path::key("environment").join("AA")) && live.is_unread(&Path::key("tags")));
        assert_eq!(live.unchecked[0].detail, "lambda:GetFunction: AccessDeniedException: kms");
        assert!(live.unchecked.iter().all(|unchecked| unchecked.why == "access_denied"));
    }

    #[test]
    fn levels_that_nobody_asked_for_are_left_out() {
        let logging = LoggingConfig::builder().log_format(LogFormat::Json).application_log_level("INFO".into()).build();
        let live = seen(smallest().logging_config(logging).build(), &NOTHING);
        insta::assert_snapshot!(live.fields[&"logging_config".to_owned()].to_json(), @r#"{"log_format":"JSON","log_group":"/aws/lambda/demo-hash"}"#);
    }
}
