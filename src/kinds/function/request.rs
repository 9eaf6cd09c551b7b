//! An operation's arguments as the requests of Lambda's API.

use super::fields::FIELDS;
use crate::kinds::arguments::{number, optional, strings, texts};
use crate::kinds::tagging;
use crate::model::field::find;
use crate::model::{Table, Value};
use aws_sdk_lambda::operation::create_function::builders::CreateFunctionInputBuilder;
use aws_sdk_lambda::operation::update_function_code::builders::UpdateFunctionCodeInputBuilder;
use aws_sdk_lambda::operation::update_function_configuration::builders::UpdateFunctionConfigurationInputBuilder;
use aws_sdk_lambda::types::{
    Architecture, DeadLetterConfig, Environment, EphemeralStorage, FileSystemConfig, ImageConfig, LoggingConfig, Runtime, SnapStart,
    TracingConfig, VpcConfig,
};

/// What a create leaves out where it is the default: some of these must not be sent empty.
const QUIET: &[&str] = &[
    "description",
    "environment",
    "kms_key_arn",
    "ephemeral_storage",
    "layers",
    "vpc_config",
    "file_system_configs",
    "dead_letter_config",
    "tracing_config",
    "snap_start",
    "tags",
];

/// Sets on either builder what the settings have.
macro_rules! configured {
    ($builder:expr, $settings:expr) => {
        $builder
            .set_function_name(optional($settings, "function_name"))
            .set_role(optional($settings, "role"))
            .set_description(optional($settings, "description"))
            .set_runtime(optional($settings, "runtime").map(|name| Runtime::from(name.as_str())))
            .set_handler(optional($settings, "handler"))
            .set_memory_size(number($settings, "memory_size"))
            .set_timeout(number($settings, "timeout"))
            .set_environment(table($settings, "environment").map(environment))
            .set_kms_key_arn(optional($settings, "kms_key_arn"))
            .set_ephemeral_storage(table($settings, "ephemeral_storage").map(ephemeral_storage).transpose()?)
            .set_layers(strings($settings, "layers"))
            .set_vpc_config(table($settings, "vpc_config").map(vpc_config))
            .set_file_system_configs($settings.get("file_system_configs").map(file_systems).transpose()?)
            .set_dead_letter_config(table($settings, "dead_letter_config").map(dead_letter_config))
            .set_tracing_config(table($settings, "tracing_config").map(tracing_config))
            .set_logging_config(table($settings, "logging_config").map(logging_config))
            .set_snap_start(table($settings, "snap_start").map(snap_start))
            .set_image_config(table($settings, "image_config").map(image_config))
    };
}

/// The request that makes a function, but for its code.
///
/// # Errors
/// Names a setting that is incomplete.
pub(super) fn create(arguments: &Table) -> Result<CreateFunctionInputBuilder, String> {
    let is_sent = |key: &str, value: &Value| {
        let default = || find(FIELDS, key).and_then(|field| field.default.value());
        !QUIET.contains(&key) || default().as_ref() != Some(value)
    };
    let settings: Table =
        arguments.iter().filter(|(key, value)| is_sent(key, value)).map(|(key, value)| (key.clone(), value.clone())).collect();
    let settings = &settings;
    let builder =
        configured!(CreateFunctionInputBuilder::default(), settings).set_architectures(settings.get("architectures").map(architectures));
    Ok(tagging::given(settings).fold(builder, |builder, (key, value)| builder.tags(key, value)))
}

/// The request that changes the settings that are given, and only these.
///
/// # Errors
/// Names a setting that is incomplete.
pub(super) fn configuration(settings: &Table) -> Result<UpdateFunctionConfigurationInputBuilder, String> {
    Ok(configured!(UpdateFunctionConfigurationInputBuilder::default(), settings))
}

/// The request that changes the code, but for the code itself.
pub(super) fn code(arguments: &Table) -> UpdateFunctionCodeInputBuilder {
    UpdateFunctionCodeInputBuilder::default()
        .set_function_name(optional(arguments, "function_name"))
        .set_architectures(arguments.get("architectures").map(architectures))
}

fn table<'a>(settings: &'a Table, key: &str) -> Option<&'a Table> {
    settings.get(key).and_then(Value::as_table)
}

fn architectures(value: &Value) -> Vec<Architecture> {
    value.strings().into_iter().map(Architecture::from).collect()
}

fn environment(variables: &Table) -> Environment {
    Environment::builder().set_variables(Some(texts(variables).collect())).build()
}

fn ephemeral_storage(table: &Table) -> Result<EphemeralStorage, String> {
    EphemeralStorage::builder().set_size(number(table, "size")).build().map_err(|_| "`ephemeral_storage` has no `size`".to_owned())
}

fn vpc_config(table: &Table) -> VpcConfig {
    VpcConfig::builder()
        .set_subnet_ids(strings(table, "subnet_ids"))
        .set_security_group_ids(strings(table, "security_group_ids"))
        .set_ipv6_allowed_for_dual_stack(table.get("ipv6_allowed_for_dual_stack").and_then(Value::as_boolean))
        .build()
}

fn file_systems(value: &Value) -> Result<Vec<FileSystemConfig>, String> {
    let one = |table: &Table| {
        let builder = FileSystemConfig::builder().set_arn(optional(table, "arn"));
        builder.set_local_mount_path(optional(table, "local_mount_path")).build()
    };
    let items = value.as_list().unwrap_or_default().iter().filter_map(Value::as_table);
    items.map(one).collect::<Result<_, _>>().map_err(|_| "`file_system_configs` is incomplete".to_owned())
}

fn dead_letter_config(table: &Table) -> DeadLetterConfig {
    DeadLetterConfig::builder().set_target_arn(optional(table, "target_arn")).build()
}

fn tracing_config(table: &Table) -> TracingConfig {
    TracingConfig::builder().set_mode(optional(table, "mode").map(|mode| mode.as_str().into())).build()
}

fn logging_config(table: &Table) -> LoggingConfig {
    LoggingConfig::builder()
        .set_log_format(optional(table, "log_format").map(|format| format.as_str().into()))
        .set_log_group(optional(table, "log_group"))
        .set_application_log_level(optional(table, "application_log_level").map(|level| level.as_str().into()))
        .set_system_log_level(optional(table, "system_log_level").map(|level| level.as_str().into()))
        .build()
}

/// What is left out is the image's own: Lambda takes the call for all of it.
fn image_config(table: &Table) -> ImageConfig {
    ImageConfig::builder()
        .set_command(strings(table, "command"))
        .set_entry_point(strings(table, "entry_point"))
        .set_working_directory(optional(table, "working_directory"))
        .build()
}

fn snap_start(table: &Table) -> SnapStart {
    SnapStart::builder().set_apply_on(optional(table, "apply_on").map(|mode| mode.as_str().into())).build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::function::tests::{lowered, table as table_of};

    #[test]
    fn a_create_sends_what_differs_from_the_default_and_what_lambda_needs() {
        let mut inputs = lowered(&[("memory_size", 256.into())]).resources.remove(0).inputs;
        inputs.insert("role".to_owned(), "arn:role".into());
        let request = create(&inputs).unwrap().build().unwrap();
        assert_eq!((request.memory_size, request.timeout, request.role()), (Some(256), Some(3), Some("arn:role")));
        assert_eq!(request.runtime().map(Runtime::as_str), Some("provided.al2023"));
        assert_eq!(request.logging_config().and_then(LoggingConfig::log_group), Some("/aws/lambda/demo-hash"));
        assert!(request.vpc_config.is_none() && request.dead_letter_config.is_none() && request.kms_key_arn.is_none());
        assert!(request.environment.is_none() && request.layers.is_none() && request.tags.is_none() && request.snap_start.is_none());
    }

    #[test]
    fn an_update_says_explicitly_what_is_cleared() {
        let inputs = lowered(&[]).resources.remove(0).inputs;
        let request = configuration(&inputs).unwrap().build().unwrap();
        assert_eq!(request.layers, Some(vec![]));
        assert_eq!(request.file_system_configs, Some(vec![]));
        assert_eq!(request.environment().and_then(Environment::variables).map(|variables| variables.len()), Some(0));
        assert_eq!(request.dead_letter_config().and_then(DeadLetterConfig::target_arn), Some(""));
        assert_eq!((request.kms_key_arn(), request.description()), (Some(""), Some("")));
        let vpc = request.vpc_config().unwrap();
        assert_eq!((&vpc.subnet_ids, &vpc.security_group_ids), (&Some(vec![]), &Some(vec![])));
        assert_eq!(request.ephemeral_storage().map(EphemeralStorage::size), Some(512));
    }

    #[test]
    fn an_update_leaves_out_what_does_not_change() {
        let request = configuration(&Table::from_iter([("timeout".to_owned(), 9.into())])).unwrap().build().unwrap();
        assert_eq!(request.timeout, Some(9));
        assert!(request.environment.is_none() && request.layers.is_none() && request.role.is_none() && request.memory_size.is_none());
    }

    #[test]
    fn an_incomplete_setting_is_named() {
        let broken = Table::from_iter([("file_system_configs".to_owned(), Value::List(vec![table_of([("arn", "x".into())])]))]);
        assert_eq!(configuration(&broken).map(|_| ()).unwrap_err(), "`file_system_configs` is incomplete");
    }
}
