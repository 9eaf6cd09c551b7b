//! What can be changed.

use super::bucket::Place;
use super::caller::Caller;
use super::clients::Clients;
use super::error::AwsError;
use super::hold_off::HoldOff;
use super::operations::{operations, uploads};
use super::quota::is_aws;
use super::reader::Reader;
use super::registry::Registry;
use super::uploads::Stretch;
use crate::model::Concealed;
use aws_sdk_lambda::operation::create_function::builders::CreateFunctionInputBuilder;
use aws_sdk_lambda::operation::publish_layer_version::builders::PublishLayerVersionInputBuilder;
use aws_sdk_lambda::operation::update_function_code::builders::UpdateFunctionCodeInputBuilder;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionCode, LayerVersionContentInput};
use aws_sdk_s3::operation::abort_multipart_upload::builders::AbortMultipartUploadInputBuilder;
use aws_sdk_s3::operation::put_object::PutObjectOutput;
use aws_sdk_s3::operation::put_object::builders::PutObjectInputBuilder;
use aws_sdk_s3::operation::upload_part::UploadPartOutput;
use aws_sdk_s3::operation::upload_part::builders::UploadPartInputBuilder;
use aws_types::request_id::RequestId;
use std::sync::Arc;
use tokio::time::Instant;

fn created(input: CreateFunctionInputBuilder, zip: Vec<u8>) -> CreateFunctionInputBuilder {
    input.code(FunctionCode::builder().zip_file(Blob::new(zip)).build())
}

fn updated(input: UpdateFunctionCodeInputBuilder, zip: Vec<u8>) -> UpdateFunctionCodeInputBuilder {
    input.zip_file(Blob::new(zip))
}

fn published(input: PublishLayerVersionInputBuilder, zip: Vec<u8>) -> PublishLayerVersionInputBuilder {
    input.content(LayerVersionContentInput::builder().zip_file(Blob::new(zip)).build())
}

/// Makes a request of `s3:PutObject` but for its body, which only one attempt can have.
pub type PutObject<'a> = dyn Fn() -> PutObjectInputBuilder + Send + Sync + 'a;
/// Makes a request of `s3:UploadPart` but for its body.
pub type UploadPart<'a> = dyn Fn() -> UploadPartInputBuilder + Send + Sync + 'a;

/// Reads and changes AWS.
#[derive(Clone)]
pub struct Writer {
    reader: Reader,
    clients: Arc<Clients>,
    hold_off: Arc<HoldOff>,
    registry: Arc<Registry>,
}

impl Writer {
    pub(super) fn new(reader: Reader, clients: Arc<Clients>, registry: Registry) -> Self {
        Self { reader, clients, hold_off: Arc::default(), registry: Arc::new(registry) }
    }

    /// The half that only reads.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// What the run knows about the roles that it made.
    pub fn hold_off(&self) -> &HoldOff {
        &self.hold_off
    }

    /// Whether a call of this operation, such as `lambda:CreateFunction`, can be sent soon, as far as AWS's quotas let it.
    pub fn has_room(&self, operation: &str) -> bool {
        self.caller().bucket(operation).has_room()
    }

    /// So many calls like this one are held back, since its quota has no room for them.
    pub fn held_back(&self, operation: &str, number: usize) {
        let caller = self.caller();
        caller.meter.hold(&caller.bucket(operation).quota(), number, &caller.events);
    }

    /// Keeps values out of errors for as long as the answer lives, since AWS quotes what it does not like.
    pub fn conceal<'a>(&self, values: impl IntoIterator<Item = &'a str>) -> Concealed {
        self.caller().scrubber.conceal(values)
    }

    /// A place in the queue for a call of this operation, to be given up just before it is made.
    pub fn place(&self, operation: &str) -> Place {
        self.caller().bucket(operation).place()
    }

    /// Waits until a call that stood in the queue of its quota has got its turn.
    pub async fn quota_moved(&self) {
        self.caller().quotas.moved().notified().await;
    }

    /// The address of the registry that a token of ECR is for, which says so itself. Whatever stands in for AWS is its
    /// own registry, unless it names one that is not AWS's.
    pub fn registry_at(&self, proxy_endpoint: Option<&str>) -> Option<String> {
        let endpoint = self.caller().scope.endpoint.as_deref().filter(|endpoint| !is_aws(endpoint));
        match (endpoint, proxy_endpoint) {
            (Some(endpoint), None) => Some(endpoint.to_owned()),
            (Some(endpoint), Some(named)) if is_aws(named) => Some(endpoint.to_owned()),
            (_, named) => named.map(str::to_owned),
        }
    }

    /// Calls `s3:PutObject` with what a stretch of a file holds, read anew for each attempt.
    ///
    /// # Errors
    /// What S3 refused, or what went wrong on the way.
    pub async fn put_object(&self, input: &PutObject<'_>, content: &Stretch) -> Result<PutObjectOutput, AwsError> {
        let send = || async { input().body(content.body().await?).send_with(&self.clients.s3_upload).await };
        self.caller().call_sdk("s3:PutObject", content.bytes, send).await
    }

    /// Calls `s3:UploadPart` with what a stretch of a file holds, read anew for each attempt.
    ///
    /// # Errors
    /// What S3 refused, or what went wrong on the way.
    pub async fn upload_part(&self, input: &UploadPart<'_>, content: &Stretch) -> Result<UploadPartOutput, AwsError> {
        let send = || async { input().body(content.body().await?).send_with(&self.clients.s3_upload).await };
        self.caller().call_sdk("s3:UploadPart", content.bytes, send).await
    }

    /// Calls `s3:AbortMultipartUpload` once and at once, also after an interruption: it only cleans up.
    ///
    /// # Errors
    /// What S3 refused, or what went wrong on the way.
    pub async fn abort_multipart_upload(&self, input: AbortMultipartUploadInputBuilder) -> Result<(), AwsError> {
        const OPERATION: &str = "s3:AbortMultipartUpload";
        let caller = self.caller();
        caller.meter.count(OPERATION, |calls| calls.calls += 1);
        let sent = Instant::now();
        let answer = input.send_with(&self.clients.s3).await;
        let answer = answer.map_err(|error| caller.failed(OPERATION, &error).error);
        caller.tell(OPERATION, 1, sent.elapsed(), answer.as_ref().map(|output| output.request_id().map(str::to_owned)));
        answer.map(drop)
    }

    pub(super) fn caller(&self) -> &Caller {
        self.reader.caller()
    }

    /// The same with another way to container registries.
    #[cfg(test)]
    pub(super) fn with_registry(mut self, registry: Registry) -> Self {
        self.registry = Arc::new(registry);
        self
    }

    /// The way to container registries.
    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    uploads! {
        create_function = "lambda:CreateFunction": lambda_upload aws_sdk_lambda::create_function(CreateFunctionInputBuilder) -> CreateFunctionOutput, created;
        update_function_code = "lambda:UpdateFunctionCode": lambda_upload aws_sdk_lambda::update_function_code(UpdateFunctionCodeInputBuilder) -> UpdateFunctionCodeOutput, updated;
        publish_layer_version = "lambda:PublishLayerVersion": lambda_upload aws_sdk_lambda::publish_layer_version(PublishLayerVersionInputBuilder) -> PublishLayerVersionOutput, published;
    }

    operations! {
        create_function_by_reference = "lambda:CreateFunction": lambda aws_sdk_lambda::create_function(CreateFunctionInputBuilder) -> CreateFunctionOutput;
        update_function_code_by_reference = "lambda:UpdateFunctionCode": lambda aws_sdk_lambda::update_function_code(UpdateFunctionCodeInputBuilder) -> UpdateFunctionCodeOutput;
        publish_layer_version_by_reference = "lambda:PublishLayerVersion": lambda aws_sdk_lambda::publish_layer_version(PublishLayerVersionInputBuilder) -> PublishLayerVersionOutput;
        delete_layer_version = "lambda:DeleteLayerVersion": lambda aws_sdk_lambda::delete_layer_version(DeleteLayerVersionInputBuilder) -> DeleteLayerVersionOutput;

        create_multipart_upload = "s3:CreateMultipartUpload": s3 aws_sdk_s3::create_multipart_upload(CreateMultipartUploadInputBuilder) -> CreateMultipartUploadOutput;
        complete_multipart_upload = "s3:CompleteMultipartUpload": s3_upload aws_sdk_s3::complete_multipart_upload(CompleteMultipartUploadInputBuilder) -> CompleteMultipartUploadOutput;
        delete_object = "s3:DeleteObject": s3 aws_sdk_s3::delete_object(DeleteObjectInputBuilder) -> DeleteObjectOutput;

        update_function_configuration = "lambda:UpdateFunctionConfiguration": lambda aws_sdk_lambda::update_function_configuration(UpdateFunctionConfigurationInputBuilder) -> UpdateFunctionConfigurationOutput;
        delete_function = "lambda:DeleteFunction": lambda aws_sdk_lambda::delete_function(DeleteFunctionInputBuilder) -> DeleteFunctionOutput;
        put_function_concurrency = "lambda:PutFunctionConcurrency": lambda aws_sdk_lambda::put_function_concurrency(PutFunctionConcurrencyInputBuilder) -> PutFunctionConcurrencyOutput;
        delete_function_concurrency = "lambda:DeleteFunctionConcurrency": lambda aws_sdk_lambda::delete_function_concurrency(DeleteFunctionConcurrencyInputBuilder) -> DeleteFunctionConcurrencyOutput;
        tag_function = "lambda:TagResource": lambda aws_sdk_lambda::tag_resource(TagResourceInputBuilder) -> TagResourceOutput;
        untag_function = "lambda:UntagResource": lambda aws_sdk_lambda::untag_resource(UntagResourceInputBuilder) -> UntagResourceOutput;
        add_permission = "lambda:AddPermission": lambda aws_sdk_lambda::add_permission(AddPermissionInputBuilder) -> AddPermissionOutput;
        remove_permission = "lambda:RemovePermission": lambda aws_sdk_lambda::remove_permission(RemovePermissionInputBuilder) -> RemovePermissionOutput;

        create_role = "iam:CreateRole": iam aws_sdk_iam::create_role(CreateRoleInputBuilder) -> CreateRoleOutput;
        update_role = "iam:UpdateRole": iam aws_sdk_iam::update_role(UpdateRoleInputBuilder) -> UpdateRoleOutput;
        update_assume_role_policy = "iam:UpdateAssumeRolePolicy": iam aws_sdk_iam::update_assume_role_policy(UpdateAssumeRolePolicyInputBuilder) -> UpdateAssumeRolePolicyOutput;
        put_role_policy = "iam:PutRolePolicy": iam aws_sdk_iam::put_role_policy(PutRolePolicyInputBuilder) -> PutRolePolicyOutput;
        delete_role_policy = "iam:DeleteRolePolicy": iam aws_sdk_iam::delete_role_policy(DeleteRolePolicyInputBuilder) -> DeleteRolePolicyOutput;
        attach_role_policy = "iam:AttachRolePolicy": iam aws_sdk_iam::attach_role_policy(AttachRolePolicyInputBuilder) -> AttachRolePolicyOutput;
        detach_role_policy = "iam:DetachRolePolicy": iam aws_sdk_iam::detach_role_policy(DetachRolePolicyInputBuilder) -> DetachRolePolicyOutput;
        put_role_permissions_boundary = "iam:PutRolePermissionsBoundary": iam aws_sdk_iam::put_role_permissions_boundary(PutRolePermissionsBoundaryInputBuilder) -> PutRolePermissionsBoundaryOutput;
        delete_role_permissions_boundary = "iam:DeleteRolePermissionsBoundary": iam aws_sdk_iam::delete_role_permissions_boundary(DeleteRolePermissionsBoundaryInputBuilder) -> DeleteRolePermissionsBoundaryOutput;
        tag_role = "iam:TagRole": iam aws_sdk_iam::tag_role(TagRoleInputBuilder) -> TagRoleOutput;
        untag_role = "iam:UntagRole": iam aws_sdk_iam::untag_role(UntagRoleInputBuilder) -> UntagRoleOutput;
        delete_role = "iam:DeleteRole": iam aws_sdk_iam::delete_role(DeleteRoleInputBuilder) -> DeleteRoleOutput;

        create_log_group = "logs:CreateLogGroup": logs aws_sdk_cloudwatchlogs::create_log_group(CreateLogGroupInputBuilder) -> CreateLogGroupOutput;
        delete_log_group = "logs:DeleteLogGroup": logs aws_sdk_cloudwatchlogs::delete_log_group(DeleteLogGroupInputBuilder) -> DeleteLogGroupOutput;
        put_retention_policy = "logs:PutRetentionPolicy": logs aws_sdk_cloudwatchlogs::put_retention_policy(PutRetentionPolicyInputBuilder) -> PutRetentionPolicyOutput;
        delete_retention_policy = "logs:DeleteRetentionPolicy": logs aws_sdk_cloudwatchlogs::delete_retention_policy(DeleteRetentionPolicyInputBuilder) -> DeleteRetentionPolicyOutput;
        associate_kms_key = "logs:AssociateKmsKey": logs aws_sdk_cloudwatchlogs::associate_kms_key(AssociateKmsKeyInputBuilder) -> AssociateKmsKeyOutput;
        disassociate_kms_key = "logs:DisassociateKmsKey": logs aws_sdk_cloudwatchlogs::disassociate_kms_key(DisassociateKmsKeyInputBuilder) -> DisassociateKmsKeyOutput;
        tag_log_group = "logs:TagResource": logs aws_sdk_cloudwatchlogs::tag_resource(TagResourceInputBuilder) -> TagResourceOutput;
        untag_log_group = "logs:UntagResource": logs aws_sdk_cloudwatchlogs::untag_resource(UntagResourceInputBuilder) -> UntagResourceOutput;

        put_rule = "events:PutRule": events aws_sdk_eventbridge::put_rule(PutRuleInputBuilder) -> PutRuleOutput;
        delete_rule = "events:DeleteRule": events aws_sdk_eventbridge::delete_rule(DeleteRuleInputBuilder) -> DeleteRuleOutput;
        put_targets = "events:PutTargets": events aws_sdk_eventbridge::put_targets(PutTargetsInputBuilder) -> PutTargetsOutput;
        remove_targets = "events:RemoveTargets": events aws_sdk_eventbridge::remove_targets(RemoveTargetsInputBuilder) -> RemoveTargetsOutput;
        put_events = "events:PutEvents": events aws_sdk_eventbridge::put_events(PutEventsInputBuilder) -> PutEventsOutput;
        tag_rule = "events:TagResource": events aws_sdk_eventbridge::tag_resource(TagResourceInputBuilder) -> TagResourceOutput;
        untag_rule = "events:UntagResource": events aws_sdk_eventbridge::untag_resource(UntagResourceInputBuilder) -> UntagResourceOutput;

        get_authorization_token = "ecr:GetAuthorizationToken": ecr aws_sdk_ecr::get_authorization_token(GetAuthorizationTokenInputBuilder) -> GetAuthorizationTokenOutput;
        create_repository = "ecr:CreateRepository": ecr aws_sdk_ecr::create_repository(CreateRepositoryInputBuilder) -> CreateRepositoryOutput;
        delete_repository = "ecr:DeleteRepository": ecr aws_sdk_ecr::delete_repository(DeleteRepositoryInputBuilder) -> DeleteRepositoryOutput;
        put_lifecycle_policy = "ecr:PutLifecyclePolicy": ecr aws_sdk_ecr::put_lifecycle_policy(PutLifecyclePolicyInputBuilder) -> PutLifecyclePolicyOutput;
        delete_lifecycle_policy = "ecr:DeleteLifecyclePolicy": ecr aws_sdk_ecr::delete_lifecycle_policy(DeleteLifecyclePolicyInputBuilder) -> DeleteLifecyclePolicyOutput;
        set_repository_policy = "ecr:SetRepositoryPolicy": ecr aws_sdk_ecr::set_repository_policy(SetRepositoryPolicyInputBuilder) -> SetRepositoryPolicyOutput;
        put_image_tag_mutability = "ecr:PutImageTagMutability": ecr aws_sdk_ecr::put_image_tag_mutability(PutImageTagMutabilityInputBuilder) -> PutImageTagMutabilityOutput;
        put_image_scanning_configuration = "ecr:PutImageScanningConfiguration": ecr aws_sdk_ecr::put_image_scanning_configuration(PutImageScanningConfigurationInputBuilder) -> PutImageScanningConfigurationOutput;
        tag_repository = "ecr:TagResource": ecr aws_sdk_ecr::tag_resource(TagResourceInputBuilder) -> TagResourceOutput;
        untag_repository = "ecr:UntagResource": ecr aws_sdk_ecr::untag_resource(UntagResourceInputBuilder) -> UntagResourceOutput;
        batch_delete_image = "ecr:BatchDeleteImage": ecr aws_sdk_ecr::batch_delete_image(BatchDeleteImageInputBuilder) -> BatchDeleteImageOutput;
    }
}
