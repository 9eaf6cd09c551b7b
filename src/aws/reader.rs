//! What can be read.

use super::caller::Caller;
use super::clients::Clients;
use super::operations::operations;
use std::sync::Arc;

/// Reads AWS and nothing else: it has no method that writes, and its clients refuse every operation
/// whose name is not that of a read.
#[derive(Clone)]
pub struct Reader {
    caller: Arc<Caller>,
    clients: Arc<Clients>,
}

impl Reader {
    pub(super) fn new(caller: Arc<Caller>, clients: Arc<Clients>) -> Self {
        Self { caller, clients }
    }

    pub(super) fn caller(&self) -> &Caller {
        &self.caller
    }

    pub(super) fn clients(&self) -> &Clients {
        &self.clients
    }

    /// The account that is called, twelve digits.
    pub fn account(&self) -> &str {
        &self.caller.scope.account
    }

    /// The region that is called.
    pub fn region(&self) -> &str {
        &self.caller.scope.region
    }

    operations! {
        get_caller_identity = "sts:GetCallerIdentity": sts aws_sdk_sts::get_caller_identity(GetCallerIdentityInputBuilder) -> GetCallerIdentityOutput;
        list_account_aliases = "iam:ListAccountAliases": iam aws_sdk_iam::list_account_aliases(ListAccountAliasesInputBuilder) -> ListAccountAliasesOutput;

        get_function = "lambda:GetFunction": lambda aws_sdk_lambda::get_function(GetFunctionInputBuilder) -> GetFunctionOutput;
        list_functions = "lambda:ListFunctions": lambda aws_sdk_lambda::list_functions(ListFunctionsInputBuilder) -> ListFunctionsOutput;
        get_policy = "lambda:GetPolicy": lambda aws_sdk_lambda::get_policy(GetPolicyInputBuilder) -> GetPolicyOutput;
        get_function_url_config = "lambda:GetFunctionUrlConfig": lambda aws_sdk_lambda::get_function_url_config(GetFunctionUrlConfigInputBuilder) -> GetFunctionUrlConfigOutput;
        list_event_source_mappings = "lambda:ListEventSourceMappings": lambda aws_sdk_lambda::list_event_source_mappings(ListEventSourceMappingsInputBuilder) -> ListEventSourceMappingsOutput;
        get_function_code_signing_config = "lambda:GetFunctionCodeSigningConfig": lambda aws_sdk_lambda::get_function_code_signing_config(GetFunctionCodeSigningConfigInputBuilder) -> GetFunctionCodeSigningConfigOutput;
        get_function_event_invoke_config = "lambda:GetFunctionEventInvokeConfig": lambda aws_sdk_lambda::get_function_event_invoke_config(GetFunctionEventInvokeConfigInputBuilder) -> GetFunctionEventInvokeConfigOutput;
        get_function_recursion_config = "lambda:GetFunctionRecursionConfig": lambda aws_sdk_lambda::get_function_recursion_config(GetFunctionRecursionConfigInputBuilder) -> GetFunctionRecursionConfigOutput;
        get_runtime_management_config = "lambda:GetRuntimeManagementConfig": lambda aws_sdk_lambda::get_runtime_management_config(GetRuntimeManagementConfigInputBuilder) -> GetRuntimeManagementConfigOutput;

        get_layer_version = "lambda:GetLayerVersion": lambda aws_sdk_lambda::get_layer_version(GetLayerVersionInputBuilder) -> GetLayerVersionOutput;
        list_layers = "lambda:ListLayers": lambda aws_sdk_lambda::list_layers(ListLayersInputBuilder) -> ListLayersOutput;
        list_layer_versions = "lambda:ListLayerVersions": lambda aws_sdk_lambda::list_layer_versions(ListLayerVersionsInputBuilder) -> ListLayerVersionsOutput;

        head_object = "s3:HeadObject": s3 aws_sdk_s3::head_object(HeadObjectInputBuilder) -> HeadObjectOutput;
        list_multipart_uploads = "s3:ListMultipartUploads": s3 aws_sdk_s3::list_multipart_uploads(ListMultipartUploadsInputBuilder) -> ListMultipartUploadsOutput;

        get_account_authorization_details = "iam:GetAccountAuthorizationDetails": iam aws_sdk_iam::get_account_authorization_details(GetAccountAuthorizationDetailsInputBuilder) -> GetAccountAuthorizationDetailsOutput;
        list_roles = "iam:ListRoles": iam aws_sdk_iam::list_roles(ListRolesInputBuilder) -> ListRolesOutput;
        get_role = "iam:GetRole": iam aws_sdk_iam::get_role(GetRoleInputBuilder) -> GetRoleOutput;
        list_role_policies = "iam:ListRolePolicies": iam aws_sdk_iam::list_role_policies(ListRolePoliciesInputBuilder) -> ListRolePoliciesOutput;
        get_role_policy = "iam:GetRolePolicy": iam aws_sdk_iam::get_role_policy(GetRolePolicyInputBuilder) -> GetRolePolicyOutput;
        list_attached_role_policies = "iam:ListAttachedRolePolicies": iam aws_sdk_iam::list_attached_role_policies(ListAttachedRolePoliciesInputBuilder) -> ListAttachedRolePoliciesOutput;
        list_instance_profiles_for_role = "iam:ListInstanceProfilesForRole": iam aws_sdk_iam::list_instance_profiles_for_role(ListInstanceProfilesForRoleInputBuilder) -> ListInstanceProfilesForRoleOutput;

        describe_log_groups = "logs:DescribeLogGroups": logs aws_sdk_cloudwatchlogs::describe_log_groups(DescribeLogGroupsInputBuilder) -> DescribeLogGroupsOutput;
        filter_log_events = "logs:FilterLogEvents": logs aws_sdk_cloudwatchlogs::filter_log_events(FilterLogEventsInputBuilder) -> FilterLogEventsOutput;
        list_tags_for_log_group = "logs:ListTagsForResource": logs aws_sdk_cloudwatchlogs::list_tags_for_resource(ListTagsForResourceInputBuilder) -> ListTagsForResourceOutput;

        describe_rule = "events:DescribeRule": events aws_sdk_eventbridge::describe_rule(DescribeRuleInputBuilder) -> DescribeRuleOutput;
        list_rules = "events:ListRules": events aws_sdk_eventbridge::list_rules(ListRulesInputBuilder) -> ListRulesOutput;
        list_targets_by_rule = "events:ListTargetsByRule": events aws_sdk_eventbridge::list_targets_by_rule(ListTargetsByRuleInputBuilder) -> ListTargetsByRuleOutput;
        list_tags_for_rule = "events:ListTagsForResource": events aws_sdk_eventbridge::list_tags_for_resource(ListTagsForResourceInputBuilder) -> ListTagsForResourceOutput;

        describe_repositories = "ecr:DescribeRepositories": ecr aws_sdk_ecr::describe_repositories(DescribeRepositoriesInputBuilder) -> DescribeRepositoriesOutput;
        get_lifecycle_policy = "ecr:GetLifecyclePolicy": ecr aws_sdk_ecr::get_lifecycle_policy(GetLifecyclePolicyInputBuilder) -> GetLifecyclePolicyOutput;
        get_repository_policy = "ecr:GetRepositoryPolicy": ecr aws_sdk_ecr::get_repository_policy(GetRepositoryPolicyInputBuilder) -> GetRepositoryPolicyOutput;
        list_tags_for_repository = "ecr:ListTagsForResource": ecr aws_sdk_ecr::list_tags_for_resource(ListTagsForResourceInputBuilder) -> ListTagsForResourceOutput;
        list_images = "ecr:ListImages": ecr aws_sdk_ecr::list_images(ListImagesInputBuilder) -> ListImagesOutput;
        batch_get_image = "ecr:BatchGetImage": ecr aws_sdk_ecr::batch_get_image(BatchGetImageInputBuilder) -> BatchGetImageOutput;
    }
}
