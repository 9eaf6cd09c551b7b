//! The faults: what each is called and does, what it can be put on, and what it wants to be told.

/// Something that AWS is known to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    AccountRetention,
    AnswerLost,
    ClockSkew,
    Conflict,
    Cut,
    Delay,
    DeleteConflict,
    DeletedPrincipal,
    DeletionProtection,
    Denied,
    EmptyPage,
    EnvironmentHidden,
    ExpiredCredentials,
    FailedEntries,
    FunctionDeleting,
    LateReads,
    LogGroupReturns,
    QuotaFull,
    Quotas,
    Refuse,
    RespelledPolicies,
    RoleIdForArn,
    RoleNotAssumable,
    StatementLost,
    TagsHidden,
    Throttle,
    Unavailable,
    UnknownWords,
    Unseen,
    UpdateInProgress,
}

/// What is known of a fault.
pub(super) struct Row {
    pub fault: Fault,
    /// As plans call it.
    pub name: &'static str,
    /// What it can be put on: services, and patterns of their operations.
    pub on: &'static [(&'static str, &'static [&'static str])],
    /// How long it lasts unless the rule says so, in milliseconds; none where it has no duration.
    pub for_ms: Option<i64>,
    /// The keys that it takes besides those that every rule has.
    pub keys: &'static [&'static str],
    /// The keys that it does not do without.
    pub needs: &'static [&'static str],
}

const fn row(fault: Fault, name: &'static str, on: &'static [(&'static str, &'static [&'static str])]) -> Row {
    Row { fault, name, on, for_ms: None, keys: &[], needs: &[] }
}

impl Row {
    const fn lasting(self, for_ms: i64) -> Self {
        Self { for_ms: Some(for_ms), ..self }
    }

    const fn taking(self, keys: &'static [&'static str]) -> Self {
        Self { keys, ..self }
    }

    const fn needing(self, needs: &'static [&'static str]) -> Self {
        Self { needs, ..self }
    }
}

const EVERYTHING: &[(&str, &[&str])] = &[("*", &["*"])];
/// What Lambda takes one at a time.
const ONE_AT_A_TIME: &[&str] = &[
    "CreateFunction",
    "UpdateFunctionCode",
    "UpdateFunctionConfiguration",
    "AddPermission",
    "RemovePermission",
    "PutFunctionConcurrency",
    "DeleteFunctionConcurrency",
    "GetFunction",
    "GetFunctionConfiguration",
];
const POLICIES: &[(&str, &[&str])] =
    &[("iam", &["GetRole", "GetRolePolicy", "ListRoles", "GetAccountAuthorizationDetails"]), ("lambda", &["GetPolicy"])];

/// All faults, by name.
pub(super) const TABLE: &[Row] = &[
    row(Fault::AccountRetention, "account_retention", &[("logs", &["DescribeLogGroups"])]).taking(&["days"]).needing(&["days"]),
    row(Fault::AnswerLost, "answer_lost", EVERYTHING),
    row(Fault::ClockSkew, "clock_skew", EVERYTHING).lasting(-420_000),
    row(
        Fault::Conflict,
        "conflict",
        &[
            ("lambda", &["Update*", "AddPermission", "RemovePermission", "*Concurrency"]),
            ("iam", &["Put*", "Update*", "Attach*", "Detach*", "Delete*", "Tag*", "Untag*"]),
            ("logs", &["Create*", "Delete*", "Put*Policy", "TagResource", "UntagResource"]),
            ("events", &["Put*", "Delete*", "Remove*", "TagResource", "UntagResource"]),
            ("s3", &["PutObject", "CompleteMultipartUpload"]),
        ],
    ),
    row(Fault::Cut, "cut", EVERYTHING),
    row(Fault::Delay, "delay", EVERYTHING).lasting(1_000),
    row(Fault::DeleteConflict, "delete_conflict", &[("iam", &["DeleteRole"])]).lasting(3_000),
    row(Fault::DeletedPrincipal, "deleted_principal", &[("iam", &["GetRole", "ListRoles", "GetAccountAuthorizationDetails"])]),
    row(Fault::DeletionProtection, "deletion_protection", &[("logs", &["DeleteLogGroup", "DescribeLogGroups"])]),
    row(Fault::Denied, "denied", EVERYTHING),
    row(
        Fault::EmptyPage,
        "empty_page",
        &[
            ("lambda", &["ListFunctions"]),
            ("iam", &["ListRoles", "GetAccountAuthorizationDetails"]),
            ("logs", &["DescribeLogGroups"]),
            ("events", &["ListRules", "ListTargetsByRule"]),
        ],
    ),
    row(Fault::EnvironmentHidden, "environment_hidden", &[("lambda", &["GetFunction", "GetFunctionConfiguration", "ListFunctions"])]),
    row(Fault::ExpiredCredentials, "expired_credentials", EVERYTHING),
    row(Fault::FailedEntries, "failed_entries", &[("events", &["PutTargets", "RemoveTargets"])]).taking(&["code"]),
    row(
        Fault::FunctionDeleting,
        "function_deleting",
        &[("lambda", &["DeleteFunction", "CreateFunction", "GetFunction", "GetFunctionConfiguration", "Update*", "AddPermission"])],
    )
    .lasting(5_000),
    row(
        Fault::LateReads,
        "late_reads",
        &[
            ("iam", &["Get*", "List*"]),
            ("logs", &["Describe*", "List*"]),
            ("events", &["Describe*", "List*"]),
            ("lambda", &["GetFunction", "GetFunctionConfiguration", "ListFunctions", "GetPolicy", "ListTags"]),
            ("ecr", &["Describe*", "Get*Policy", "ListTagsForResource"]),
        ],
    )
    .lasting(2_000),
    row(Fault::LogGroupReturns, "log_group_returns", &[("logs", &["DeleteLogGroup"])]).lasting(5_000),
    row(
        Fault::QuotaFull,
        "quota_full",
        &[
            ("iam", &["CreateRole"]),
            ("events", &["PutRule"]),
            ("lambda", &["CreateFunction", "PutFunctionConcurrency"]),
            ("logs", &["CreateLogGroup"]),
            ("ecr", &["CreateRepository"]),
        ],
    ),
    row(Fault::Quotas, "quotas", EVERYTHING).taking(&["rate_percent"]),
    row(Fault::Refuse, "refuse", EVERYTHING).taking(&["status", "code", "message", "retry_after_seconds"]).needing(&["status", "code"]),
    row(Fault::RespelledPolicies, "respelled_policies", POLICIES),
    row(Fault::RoleIdForArn, "role_id_for_arn", &[("iam", &["GetRole", "GetAccountAuthorizationDetails"])]).lasting(2_000),
    row(Fault::RoleNotAssumable, "role_not_assumable", &[("lambda", &["CreateFunction", "UpdateFunctionConfiguration"])]).lasting(10_000),
    row(Fault::StatementLost, "statement_lost", &[("lambda", &["AddPermission", "RemovePermission"])]).lasting(50),
    row(Fault::TagsHidden, "tags_hidden", &[("lambda", &["GetFunction"])]),
    row(Fault::Throttle, "throttle", EVERYTHING).taking(&["retry_after_seconds"]),
    row(Fault::Unavailable, "unavailable", EVERYTHING),
    row(
        Fault::UnknownWords,
        "unknown_words",
        &[
            ("lambda", &["Get*", "List*"]),
            ("iam", &["Get*", "List*"]),
            ("logs", &["Describe*", "List*"]),
            ("events", &["Describe*", "List*"]),
        ],
    ),
    row(
        Fault::Unseen,
        "unseen",
        &[
            ("iam", &["Put*", "Attach*", "Tag*", "Update*"]),
            ("lambda", &["AddPermission", "PutFunctionConcurrency", "TagResource"]),
            ("logs", &["PutRetentionPolicy", "TagResource", "AssociateKmsKey"]),
            ("events", &["PutTargets", "TagResource"]),
            ("ecr", &["Set*", "Put*Policy", "Put*Mutability", "Put*Configuration"]),
        ],
    )
    .lasting(2_000),
    row(Fault::UpdateInProgress, "update_in_progress", &[("lambda", ONE_AT_A_TIME)]).lasting(2_000),
];

impl Fault {
    /// The row of a fault.
    pub fn row(self) -> Option<&'static Row> {
        TABLE.iter().find(|row| row.fault == self)
    }

    /// As plans call it.
    pub fn name(self) -> &'static str {
        self.row().map_or("", |row| row.name)
    }
}
