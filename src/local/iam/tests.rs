use super::*;
use crate::local::common::Common;
use crate::local::disk::Disk;
use std::sync::Arc;

const LAMBDA: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const LOGS: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"logs:*","Resource":"arn:aws:logs:*:*:*"}]}"#;
const BASIC: &str = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";

/// The parameters of a call.
type Given<'a> = &'a [(&'a str, &'a str)];

struct Cloud {
    iam: Iam,
    folder: tempfile::TempDir,
}

impl Cloud {
    fn new() -> Self {
        let (common, _, folder) = Common::for_test();
        Self { iam: Iam::open(common).unwrap(), folder }
    }

    /// With a role `demo`.
    async fn with_role() -> Self {
        let cloud = Self::new();
        cloud.done("CreateRole", &[("RoleName", "demo"), ("AssumeRolePolicyDocument", LAMBDA)]).await;
        cloud
    }

    async fn call(&self, action: &str, given: Given<'_>) -> Result<String, ApiError> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", action).extend_pairs(given);
        self.iam.call(&Parameters::parse(form.finish().as_bytes())).await.map(|xml| xml.as_str().to_owned())
    }

    async fn done(&self, action: &str, given: Given<'_>) -> String {
        self.call(action, given).await.unwrap_or_else(|error| panic!("{action}: {} {}", error.code, error.message))
    }

    /// Status, code and message.
    async fn refused(&self, action: &str, given: Given<'_>) -> String {
        match self.call(action, given).await {
            Ok(xml) => panic!("{action} {given:?} went through: {xml}"),
            Err(error) => format!("{} {} {}", error.status, error.code, error.message),
        }
    }

    async fn check(&self, action: &str, given: Given<'_>, wanted: &str) {
        assert_eq!(self.refused(action, given).await, wanted, "{action} {given:?}");
    }
}

/// The texts of all elements with that name.
fn texts<'a>(xml: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    xml.split(open.as_str()).skip(1).filter_map(|rest| rest.split_once(close.as_str()).map(|(text, _)| text)).collect()
}

#[tokio::test]
async fn a_role_is_answered_as_it_was_made() {
    let cloud = Cloud::new();
    let given = [
        ("RoleName", "demo"),
        ("Path", "/lambdo/x/"),
        ("AssumeRolePolicyDocument", LAMBDA),
        ("Description", "ä & b"),
        ("MaxSessionDuration", "7200"),
        ("PermissionsBoundary", "arn:aws:iam::aws:policy/PowerUserAccess"),
        ("Tags.member.1.Key", "Team"),
        ("Tags.member.1.Value", "a b"),
    ];
    cloud.done("CreateRole", &given).await;
    let role = cloud.done("GetRole", &[("RoleName", "DEMO")]).await;
    let id = texts(&role, "RoleId")[0].to_owned();
    assert!(id.len() == 21 && id.starts_with("AROA"), "{id}");
    insta::assert_snapshot!(role.replace(&id, "ID").replace("><", ">\n<"), @"
    <Role>
    <Path>/lambdo/x/</Path>
    <RoleName>demo</RoleName>
    <RoleId>ID</RoleId>
    <Arn>arn:aws:iam::000000000000:role/lambdo/x/demo</Arn>
    <CreateDate>2026-09-21T14:13:20Z</CreateDate>
    <AssumeRolePolicyDocument>%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22%3A%7B%22Service%22%3A%22lambda.amazonaws.com%22%7D%2C%22Action%22%3A%22sts%3AAssumeRole%22%7D%5D%7D</AssumeRolePolicyDocument>
    <Description>ä &amp; b</Description>
    <MaxSessionDuration>7200</MaxSessionDuration>
    <PermissionsBoundary>
    <PermissionsBoundaryType>Policy</PermissionsBoundaryType>
    <PermissionsBoundaryArn>arn:aws:iam::aws:policy/PowerUserAccess</PermissionsBoundaryArn>
    </PermissionsBoundary>
    <Tags>
    <member>
    <Key>Team</Key>
    <Value>a b</Value>
    </member>
    </Tags>
    <RoleLastUsed>
    </RoleLastUsed>
    </Role>
    ");
}

#[tokio::test]
async fn lists_leave_out_what_aws_leaves_out() {
    let cloud = Cloud::new();
    let given = [
        ("RoleName", "demo"),
        ("AssumeRolePolicyDocument", LAMBDA),
        ("Description", "d"),
        ("Tags.member.1.Key", "a"),
        ("Tags.member.1.Value", ""),
    ];
    cloud.done("CreateRole", &given).await;
    cloud.done("PutRolePolicy", &[("RoleName", "demo"), ("PolicyName", "logs"), ("PolicyDocument", LOGS)]).await;
    cloud.done("AttachRolePolicy", &[("RoleName", "demo"), ("PolicyArn", BASIC)]).await;
    let list = cloud.done("ListRoles", &[]).await;
    assert!(list.contains("<Description>d</Description>") && list.contains("MaxSessionDuration") && !list.contains("<Tags>"), "{list}");
    let details = cloud.done("GetAccountAuthorizationDetails", &[("Filter.member.1", "Role")]).await;
    assert!(!details.contains("Description") && !details.contains("MaxSessionDuration"), "{details}");
    assert_eq!(texts(&details, "PolicyName"), ["logs", "AWSLambdaBasicExecutionRole"]);
    assert_eq!(texts(&details, "PolicyDocument"), [render::encoded(LOGS)]);
    assert_eq!(texts(&details, "Key"), ["a"]);
    assert!(details.contains("<Policies></Policies><IsTruncated>false</IsTruncated>"), "{details}");
    let all = cloud.done("GetAccountAuthorizationDetails", &[]).await;
    assert_eq!(texts(&all, "AttachmentCount"), ["1"]);
    assert_eq!(texts(&all, "Document").len(), 1);
    assert!(cloud.done("ListAccountAliases", &[]).await.contains("<AccountAliases></AccountAliases>"));
    assert!(cloud.done("ListInstanceProfilesForRole", &[("RoleName", "demo")]).await.contains("<InstanceProfiles></InstanceProfiles>"));
}

#[tokio::test]
async fn parameters_are_refused_as_iam_does() {
    let cloud = Cloud::with_role().await;
    let (long, trust) = ("r".repeat(65), ("AssumeRolePolicyDocument", LAMBDA));
    let (long_name, not_null) = (
        format!(
            "400 ValidationError 1 validation error detected: Value '{long}' at 'roleName' failed to satisfy constraint: \
             Member must have length less than or equal to 64"
        ),
        "failed to satisfy constraint: Member must not be null",
    );
    let both_null = format!(
        "400 ValidationError 2 validation errors detected: Value at 'roleName' {not_null}; Value at 'assumeRolePolicyDocument' {not_null}"
    );
    let name = ("RoleName", "new");
    let cases: &[(&str, Given<'_>, &str)] = &[
        ("CreateRole", &[], &both_null),
        ("CreateRole", &[("RoleName", &long), trust], &long_name),
        (
            "CreateRole",
            &[("RoleName", "a b"), trust],
            "400 ValidationError The specified value for roleName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-",
        ),
        ("CreateRole", &[("RoleName", "Demo"), trust], "409 EntityAlreadyExists Role with name Demo already exists."),
        (
            "CreateRole",
            &[name, trust, ("Path", "/a")],
            "400 ValidationError The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.",
        ),
        (
            "CreateRole",
            &[name, trust, ("Path", "/aws-service-role/x/")],
            "400 InvalidInput Paths beginning with '/aws-service-role' are reserved for AWS Service Linked Roles",
        ),
        (
            "CreateRole",
            &[name, trust, ("MaxSessionDuration", "43201")],
            "400 ValidationError 1 validation error detected: Value '43201' at 'maxSessionDuration' failed to satisfy constraint: Member must have value less than or equal to 43200",
        ),
        (
            "CreateRole",
            &[name, trust, ("MaxSessionDuration", "1h")],
            "400 MalformedInput The value of MaxSessionDuration is not an integer",
        ),
        (
            "CreateRole",
            &[name, trust, ("Description", "a’b")],
            "400 ValidationError 1 validation error detected: Value 'a’b' at 'description' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\u0009\\u000A\\u000D\\u0020-\\u007E\\u00A1-\\u00FF]*",
        ),
        (
            "CreateRole",
            &[name, trust, ("PermissionsBoundary", "arn:aws:iam::000000000000:role/x")],
            "400 InvalidInput ARN arn:aws:iam::000000000000:role/x is not valid.",
        ),
        (
            "CreateRole",
            &[name, trust, ("PermissionsBoundary", "arn:aws:iam::aws:policy/Nope")],
            "404 NoSuchEntity Scope ARN: arn:aws:iam::aws:policy/Nope does not exist or is not attachable.",
        ),
        (
            "TagRole",
            &[("RoleName", "demo")],
            "400 ValidationError 1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must not be null",
        ),
        (
            "TagRole",
            &[("RoleName", "demo"), ("Tags.member.1.Key", "a*"), ("Tags.member.1.Value", "")],
            "400 ValidationError 1 validation error detected: Value 'a*' at 'tags.1.member.key' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+",
        ),
        (
            "TagRole",
            &[
                ("RoleName", "demo"),
                ("Tags.member.1.Key", "a"),
                ("Tags.member.1.Value", ""),
                ("Tags.member.2.Key", "A"),
                ("Tags.member.2.Value", ""),
            ],
            "400 InvalidInput Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        ),
        (
            "TagRole",
            &[("RoleName", "demo"), ("Tags.member.1.Key", "aws:x"), ("Tags.member.1.Value", "")],
            "400 InvalidInput The tag key 'aws:x' is reserved: keys that begin with aws: are for system use.",
        ),
        (
            "ListRoles",
            &[("MaxItems", "0")],
            "400 ValidationError 1 validation error detected: Value '0' at 'maxItems' failed to satisfy constraint: Member must have value greater than or equal to 1",
        ),
        ("ListRoles", &[("Marker", "?")], "400 ValidationError Invalid Marker."),
        ("GetRole", &[name], "404 NoSuchEntity The role with name new cannot be found."),
        (
            "PutRolePolicy",
            &[name, ("PolicyName", "p"), ("PolicyDocument", "{")],
            "404 NoSuchEntity The role with name new cannot be found.",
        ),
        ("GetRolePolicy", &[("RoleName", "demo"), ("PolicyName", "p")], "404 NoSuchEntity The role policy with name p cannot be found."),
        ("DeleteRolePolicy", &[("RoleName", "demo"), ("PolicyName", "p")], "404 NoSuchEntity The role policy with name p cannot be found."),
        (
            "AttachRolePolicy",
            &[("RoleName", "demo"), ("PolicyArn", "arn:aws:iam::aws:policy/AWSLambdaBasicExecutionRole")],
            "404 NoSuchEntity Policy arn:aws:iam::aws:policy/AWSLambdaBasicExecutionRole does not exist or is not attachable.",
        ),
        (
            "AttachRolePolicy",
            &[("RoleName", "demo"), ("PolicyArn", "arn:aws:iam::aws:policy/aws-service-role/AWSLambdaReplicator")],
            "400 PolicyNotAttachable Cannot attach a Service Role Policy to a Customer Role.",
        ),
        (
            "AttachRolePolicy",
            &[("RoleName", "demo"), ("PolicyArn", "AWSLambdaBasicExecutionRole")],
            "400 InvalidInput ARN AWSLambdaBasicExecutionRole is not valid.",
        ),
        (
            "DetachRolePolicy",
            &[("RoleName", "demo"), ("PolicyArn", BASIC)],
            "404 NoSuchEntity Policy arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole was not found.",
        ),
        (
            "GetPolicyVersion",
            &[("PolicyArn", BASIC), ("VersionId", "v2")],
            "404 NoSuchEntity Policy arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole version v2 does not exist or is not attachable.",
        ),
        ("CreateUser", &[], "400 InvalidAction Could not find operation CreateUser for version 2010-05-08"),
    ];
    for (action, given, wanted) in cases {
        cloud.check(action, given, wanted).await;
    }
}

#[tokio::test]
async fn trust_policies_are_refused_as_iam_does() {
    let cloud = Cloud::with_role().await;
    let statement = |inside: &str| format!(r#"{{"Version":"2012-10-17","Statement":[{{{inside}}}]}}"#);
    let principal = |principal: &str| statement(&format!(r#""Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRole""#));
    let action = |action: &str| statement(&format!(r#""Effect":"Allow","Principal":{{"Service":"lambda.amazonaws.com"}},{action}"#));
    let cases = [
        ("{".to_owned(), "This policy contains invalid Json"),
        (r#"{"Version":"2020-01-01","Statement":[]}"#.to_owned(), "The policy must contain a valid version string"),
        (r#"{"Version":"2012-10-17","Statement":[]}"#.to_owned(), "Could not parse the policy: Statement is empty!"),
        (r#"{"Statements":[]}"#.to_owned(), "Unknown field Statements"),
        (statement(r#""Effect":"Allow","Action":"sts:AssumeRole""#), "Missing required field Principal"),
        (statement(r#""Effect":"allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole""#), "Invalid effect: allow"),
        (principal("{}"), "Missing required field Principal cannot be empty!"),
        (principal(r#""*""#), r#"AssumeRolepolicy contained an invalid principal: "STAR":"*""#),
        (principal(r#"{"Service":"*"}"#), r#"Invalid principal in policy: "SERVICE":"*""#),
        (principal(r#"{"Service":"lambda"}"#), r#"Invalid principal in policy: "SERVICE":"lambda""#),
        (principal(r#"{"AWS":"12345"}"#), r#"Invalid principal in policy: "AWS":"12345""#),
        (
            principal(r#"{"AWS":"arn:aws:iam::000000000000:role/gone"}"#),
            r#"Invalid principal in policy: "AWS":"arn:aws:iam::000000000000:role/gone""#,
        ),
        (
            principal(r#"{"AWS":"arn:aws:iam::111122223333:user/*"}"#),
            r#"Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:user/*""#,
        ),
        (action(r#""Action":"lambda:InvokeFunction""#), "AssumeRole policy may only specify STS AssumeRole actions."),
        (action(r#""Action":"sts:*""#), "AssumeRole policy may only specify STS AssumeRole actions."),
        (action(r#""Sid":"a""#), "Missing required field Action"),
        (action(r#""Action":"sts:AssumeRole","Resource":"*""#), "Has prohibited field Resource"),
        (action(r#""Action":"sts:AssumeRole","Condition":{"StringEqualz":{"a":"b"}}"#), "Syntax errors in policy."),
    ];
    for (document, wanted) in &cases {
        let wanted = format!("400 MalformedPolicyDocument {wanted}");
        cloud.check("UpdateAssumeRolePolicy", &[("RoleName", "demo"), ("PolicyDocument", document)], &wanted).await;
        cloud.check("CreateRole", &[("RoleName", "new"), ("AssumeRolePolicyDocument", document)], &wanted).await;
    }
    let large = action(&format!(r#""Action":"sts:AssumeRole","Sid":"{}""#, "x".repeat(1_950)));
    let wanted = "409 LimitExceeded Cannot exceed quota for ACLSizePerRole: 2048";
    cloud.check("UpdateAssumeRolePolicy", &[("RoleName", "demo"), ("PolicyDocument", &large)], wanted).await;
    let good = [
        principal(r#"{"AWS":["*","000000000000","arn:aws:iam::000000000000:root","arn:aws:iam::000000000000:role/demo"]}"#),
        principal(
            r#"{"AWS":["arn:aws:iam::111122223333:role/a/b","arn:aws:iam::000000000000:user/local"],"Service":"edgelambda.amazonaws.com"}"#,
        ),
        action(r#""Action":["sts:AssumeRole","sts:TagSession"],"Condition":{"ForAnyValue:StringLikeIfExists":{"a":["b"]}}"#),
        format!("{LAMBDA}{}", " ".repeat(2_048)),
    ];
    for document in &good {
        cloud.done("UpdateAssumeRolePolicy", &[("RoleName", "demo"), ("PolicyDocument", document)]).await;
    }
}

#[tokio::test]
async fn policies_are_refused_as_iam_does() {
    let cloud = Cloud::with_role().await;
    let statement = |inside: &str| format!(r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",{inside}}}]}}"#);
    let action = |action: &str| statement(&format!(r#""Action":{action},"Resource":"*""#));
    let resource = |resource: &str| statement(&format!(r#""Action":"s3:GetObject","Resource":"{resource}""#));
    const SYNTAX: &str = "Syntax errors in policy.";
    let cases = [
        ("{not json".to_owned(), SYNTAX),
        ("[]".to_owned(), SYNTAX),
        (r#"{"Version":"2012-10-17"}"#.to_owned(), SYNTAX),
        (r#"{"Version":"2012-10-17","Statement":[]}"#.to_owned(), SYNTAX),
        (action("\"s3:*\"").replace("2012-10-17", "2012-10-18"), SYNTAX),
        (action("\"s3:*\"").replace("Version", "version"), SYNTAX),
        (action("\"s3:*\"").replace("\"Allow\"", "\"Maybe\""), SYNTAX),
        (action("\"s3:*\"").replace("\"Allow\"", "\"allow\""), "The policy failed legacy parsing"),
        (statement(r#""Actions":"s3:*","Resource":"*""#), SYNTAX),
        (statement(r#""Action":"s3:*","NotAction":"s3:*","Resource":"*""#), SYNTAX),
        (statement(r#""Action":"s3:*","Resource":"*","Condition":{"Bool":{"a":{"b":"c"}}}"#), SYNTAX),
        (action("123"), SYNTAX),
        (statement(r#""Principal":"*","Action":"s3:*","Resource":"*""#), "Policy document should not specify a principal."),
        (statement(r#""Sid":"a-b","Action":"s3:*","Resource":"*""#), "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"),
        (r#"{"Statement":[{"Sid":"A","Effect":"Deny","Action":"*","Resource":"*"},{"Sid":"A","Effect":"Deny","Action":"*","Resource":"*"}]}"#.to_owned(), "Statement IDs (SID) in a single policy must be unique."),
        (statement(r#""Resource":"*""#), "Policy statement must contain actions."),
        (action("\"GetObject\""), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."),
        (action("\"s3:Get:Object\""), "Actions/Condition can contain only one colon."),
        (action("[\"s3:*\",\"s3*:Get\"]"), "Action vendors (e.g., aws, ec2, etc.) must not contain wildcards."),
        (action("\":Get\""), "Vendor  is not valid"),
        (statement(r#""Action":"s3:*""#), "Policy statement must contain resources."),
        (statement(r#""Action":"s3:*","Resource":[]"#), "Policy statement must contain resources."),
        (resource("bucket"), "Resource bucket must be in ARN format or \"*\"."),
        (resource("s3::example-bucket/*"), "Partition \"\" is not valid for resource \"arn::example-bucket/*:*:*:*\"."),
        (resource("arn:aws-cn:s3:::b"), "Partition \"aws-cn\" is not valid for resource \"arn:aws-cn:s3:::b\"."),
        (resource("arn:aws"), "Resource vendor must be fully qualified and cannot contain regexes."),
        (resource("arn:aws:s3*:::b"), "Resource vendor must be fully qualified and cannot contain regexes."),
        (resource("arn:aws:s3::example_bucket"), "The policy failed legacy parsing"),
        (resource("arn:aws:s3:my-bucket"), "Resource arn:aws:s3:my-bucket:*:* can not contain region information."),
        (resource("arn:aws:s3::111122223333:b"), "Resource arn:aws:s3::111122223333:b cannot contain an account id."),
        (resource("arn:aws:iam:us-east-1:111122223333:role/r"), "IAM resource arn:aws:iam:us-east-1:111122223333:role/r cannot contain region information."),
    ];
    for (document, wanted) in &cases {
        let wanted = format!("400 MalformedPolicyDocument {wanted}");
        cloud.check("PutRolePolicy", &[("RoleName", "demo"), ("PolicyName", "p"), ("PolicyDocument", document)], &wanted).await;
    }
    let odd = resource("a’b");
    let wanted = "400 ValidationError The specified value for policyDocument is invalid. It must contain only printable ASCII characters.";
    cloud.check("PutRolePolicy", &[("RoleName", "demo"), ("PolicyName", "p"), ("PolicyDocument", &odd)], wanted).await;
    let old = action("\"s3:*\"").replace("2012-10-17", "2008-10-17");
    let wanted = "400 MalformedPolicyDocument Policy document must be version 2012-10-17 or greater.";
    cloud.check("CreatePolicy", &[("PolicyName", "p"), ("PolicyDocument", &old)], wanted).await;
    let good = [
        old,
        resource("arn:*:s3:::b/${aws:username}"),
        resource("arn:aws:logs:*"),
        resource("arn:aws:s3:eu-central-1:111122223333:accesspoint/ap"),
        LOGS.to_owned(),
    ];
    for document in &good {
        cloud.done("PutRolePolicy", &[("RoleName", "demo"), ("PolicyName", "p"), ("PolicyDocument", document)]).await;
    }
}

#[tokio::test]
async fn limits_hold_and_white_space_is_free() {
    let cloud = Cloud::with_role().await;
    let sized = |size: usize| {
        let frame = r#"{"Statement":{"Sid":"","Effect":"Deny","Action":"*","Resource":"*"}}"#;
        format!("{}{}", frame.replace(r#""Sid":"""#, &format!(r#""Sid":"{}""#, "x".repeat(size - frame.len()))), " \n".repeat(9_000))
    };
    for (name, characters, is_fine) in [("a", 5_120, true), ("b", 5_121, false), ("b", 5_120, true), ("a", 5_120, true), ("c", 80, false)] {
        let document = sized(characters);
        let given = [("RoleName", "demo"), ("PolicyName", name), ("PolicyDocument", document.as_str())];
        match is_fine {
            true => drop(cloud.done("PutRolePolicy", &given).await),
            false => {
                cloud.check("PutRolePolicy", &given, "409 LimitExceeded Maximum policy size of 10240 bytes exceeded for role demo").await
            }
        }
    }
    for number in 0..=20 {
        let (name, arn) = (format!("p{number}"), format!("arn:aws:iam::000000000000:policy/p{number}"));
        cloud.done("CreatePolicy", &[("PolicyName", &name), ("PolicyDocument", LOGS)]).await;
        let given = [("RoleName", "demo"), ("PolicyArn", arn.as_str())];
        match number {
            20 => cloud.check("AttachRolePolicy", &given, "409 LimitExceeded Cannot exceed quota for PoliciesPerRole: 20").await,
            _ => drop(cloud.done("AttachRolePolicy", &given).await),
        }
    }
    cloud.done("AttachRolePolicy", &[("RoleName", "demo"), ("PolicyArn", "arn:aws:iam::000000000000:policy/p3")]).await;
    for number in 0..=50 {
        let key = format!("k{number}");
        let given = [("RoleName", "demo"), ("Tags.member.1.Key", key.as_str()), ("Tags.member.1.Value", "v")];
        match number {
            50 => cloud.check("TagRole", &given, "409 LimitExceeded The number of tags has reached the maximum limit.").await,
            _ => drop(cloud.done("TagRole", &given).await),
        }
    }
}

#[tokio::test]
async fn tag_keys_keep_their_case_and_are_not_told_apart_by_it() {
    let cloud = Cloud::with_role().await;
    for (key, value) in [("Team", "a"), ("TEAM", "b"), ("other", "c")] {
        cloud.done("TagRole", &[("RoleName", "demo"), ("Tags.member.1.Key", key), ("Tags.member.1.Value", value)]).await;
    }
    let list = cloud.done("ListRoleTags", &[("RoleName", "demo")]).await;
    assert_eq!((texts(&list, "Key"), texts(&list, "Value")), (vec!["other", "TEAM"], vec!["c", "b"]));
    cloud.done("UntagRole", &[("RoleName", "demo"), ("TagKeys.member.1", "team"), ("TagKeys.member.2", "none")]).await;
    assert_eq!(texts(&cloud.done("ListRoleTags", &[("RoleName", "demo")]).await, "Key"), ["other"]);
}

#[tokio::test]
async fn a_role_goes_only_once_its_policies_are_gone() {
    let cloud = Cloud::with_role().await;
    let role = ("RoleName", "demo");
    cloud.done("PutRolePolicy", &[role, ("PolicyName", "logs"), ("PolicyDocument", LOGS)]).await;
    cloud.done("AttachRolePolicy", &[role, ("PolicyArn", BASIC)]).await;
    cloud.check("DeleteRole", &[role], "409 DeleteConflict Cannot delete entity, must detach all policies first.").await;
    cloud.done("DetachRolePolicy", &[role, ("PolicyArn", BASIC)]).await;
    cloud.check("DeleteRole", &[role], "409 DeleteConflict Cannot delete entity, must delete policies first.").await;
    cloud.done("DeleteRolePolicy", &[role, ("PolicyName", "logs")]).await;
    cloud.done("DeleteRole", &[role]).await;
    cloud.check("DeleteRole", &[role], "404 NoSuchEntity The role with name demo cannot be found.").await;
}

#[tokio::test]
async fn updates_reset_what_aws_resets() {
    let cloud = Cloud::with_role().await;
    let role = ("RoleName", "demo");
    let settings = async || {
        let xml = cloud.done("GetRole", &[role]).await;
        (texts(&xml, "Description").join(""), texts(&xml, "MaxSessionDuration").join(""))
    };
    cloud.done("UpdateRole", &[role, ("Description", "d"), ("MaxSessionDuration", "7200")]).await;
    assert_eq!(settings().await, ("d".into(), "7200".into()));
    cloud.done("UpdateRole", &[role]).await;
    assert_eq!(settings().await, ("d".into(), "3600".into()));
    cloud.done("UpdateRoleDescription", &[role, ("Description", "")]).await;
    assert_eq!(settings().await, (String::new(), "3600".into()));
    cloud.done("PutRolePermissionsBoundary", &[role, ("PermissionsBoundary", "arn:aws:iam::aws:policy/ReadOnlyAccess")]).await;
    assert!(cloud.done("GetRole", &[role]).await.contains("policy/ReadOnlyAccess"));
    cloud.done("DeleteRolePermissionsBoundary", &[role]).await;
    assert!(!cloud.done("GetRole", &[role]).await.contains("PermissionsBoundary"));
}

#[tokio::test]
async fn pages_show_everything_once_though_roles_come_and_go() {
    let cloud = Cloud::new();
    for (number, path) in ["/", "/a/", "/a/", "/a/b/", "/ab/", "/a/"].iter().enumerate() {
        let name = format!("r{number}");
        cloud.done("CreateRole", &[("RoleName", &name), ("Path", path), ("AssumeRolePolicyDocument", LAMBDA)]).await;
    }
    for (action, list) in [("ListRoles", "1235"), ("GetAccountAuthorizationDetails", "012345")] {
        let (mut seen, mut marker) = (String::new(), None::<String>);
        loop {
            let mut given = vec![("MaxItems", "2"), ("PathPrefix", "/a/")];
            given.extend(marker.as_deref().map(|marker| ("Marker", marker)));
            let xml = cloud.done(action, &given).await;
            seen.extend(texts(&xml, "RoleName").iter().map(|name| &name[1..]));
            marker = texts(&xml, "Marker").first().map(|marker| (*marker).to_owned());
            assert_eq!(texts(&xml, "IsTruncated"), [marker.is_some().to_string()]);
            if marker.is_none() {
                break;
            }
        }
        assert_eq!(seen, list, "{action}");
    }
    let first = cloud.done("ListRoles", &[("MaxItems", "2")]).await;
    cloud.done("DeleteRole", &[("RoleName", "r1")]).await;
    let second = cloud.done("ListRoles", &[("MaxItems", "2"), ("Marker", texts(&first, "Marker")[0])]).await;
    assert_eq!(texts(&second, "RoleName"), ["r2", "r3"]);
}

#[tokio::test]
async fn a_customers_policy_lives_and_goes() {
    let cloud = Cloud::with_role().await;
    let made = cloud.done("CreatePolicy", &[("PolicyName", "Own"), ("Path", "/x/"), ("PolicyDocument", LOGS), ("Description", "d")]).await;
    let arn = ("PolicyArn", "arn:aws:iam::000000000000:policy/x/Own");
    assert_eq!((texts(&made, "Arn"), texts(&made, "DefaultVersionId")), (vec![arn.1], vec!["v1"]));
    let wanted = "409 EntityAlreadyExists A policy called OWN already exists. Duplicate names are not allowed.";
    cloud.check("CreatePolicy", &[("PolicyName", "OWN"), ("PolicyDocument", LOGS)], wanted).await;
    cloud.done("AttachRolePolicy", &[("RoleName", "demo"), arn]).await;
    cloud.done("AttachRolePolicy", &[("RoleName", "demo"), ("PolicyArn", BASIC)]).await;
    assert_eq!(texts(&cloud.done("GetPolicy", &[arn]).await, "AttachmentCount"), ["1"]);
    assert_eq!(texts(&cloud.done("GetPolicyVersion", &[arn, ("VersionId", "v1")]).await, "Document"), [render::encoded(LOGS)]);
    assert!(!cloud.done("ListPolicyVersions", &[arn]).await.contains("Document>"));
    assert_eq!(texts(&cloud.done("ListEntitiesForPolicy", &[arn]).await, "RoleName"), ["demo"]);
    assert!(texts(&cloud.done("ListEntitiesForPolicy", &[arn, ("PolicyUsageFilter", "PermissionsBoundary")]).await, "RoleName").is_empty());
    let list = cloud.done("ListAttachedRolePolicies", &[("RoleName", "demo"), ("PathPrefix", "/x/")]).await;
    assert_eq!((texts(&list, "PolicyName"), texts(&list, "PolicyArn")), (vec!["Own"], vec![arn.1]));
    cloud.check("DeletePolicy", &[arn], "409 DeleteConflict Cannot delete a policy attached to entities.").await;
    cloud.done("DetachRolePolicy", &[("RoleName", "demo"), arn]).await;
    cloud.done("DeletePolicy", &[arn]).await;
    cloud.check("GetPolicy", &[arn], "404 NoSuchEntity Policy arn:aws:iam::000000000000:policy/x/Own was not found.").await;
}

#[tokio::test]
async fn policies_of_aws_can_be_looked_at() {
    let cloud = Cloud::new();
    let policy = cloud.done("GetPolicy", &[("PolicyArn", BASIC)]).await;
    assert_eq!((texts(&policy, "Path"), texts(&policy, "DefaultVersionId")), (vec!["/service-role/"], vec!["v1"]));
    let version = cloud.done("GetPolicyVersion", &[("PolicyArn", BASIC), ("VersionId", "v1")]).await;
    assert!(texts(&version, "Document")[0].contains("logs%3APutLogEvents"));
    let read_only = ("PolicyArn", "arn:aws:iam::aws:policy/ReadOnlyAccess");
    let version = texts(&cloud.done("GetPolicy", &[read_only]).await, "DefaultVersionId")[0].to_owned();
    let wanted = "400 NotImplemented The local cloud knows that arn:aws:iam::aws:policy/ReadOnlyAccess exists, but not its document.";
    cloud.check("GetPolicyVersion", &[read_only, ("VersionId", &version)], wanted).await;
    cloud
        .check(
            "DeletePolicy",
            &[read_only],
            "403 AccessDenied The policy arn:aws:iam::aws:policy/ReadOnlyAccess belongs to AWS and cannot be deleted.",
        )
        .await;
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let cloud = Cloud::with_role().await;
    let role = ("RoleName", "demo");
    cloud.done("PutRolePolicy", &[role, ("PolicyName", "logs"), ("PolicyDocument", LOGS)]).await;
    cloud.done("AttachRolePolicy", &[role, ("PolicyArn", BASIC)]).await;
    cloud.done("TagRole", &[role, ("Tags.member.1.Key", "Team"), ("Tags.member.1.Value", "x")]).await;
    cloud.done("PutRolePermissionsBoundary", &[role, ("PermissionsBoundary", "arn:aws:iam::aws:policy/PowerUserAccess")]).await;
    cloud.done("CreatePolicy", &[("PolicyName", "own"), ("PolicyDocument", LOGS)]).await;
    cloud.done("CreateRole", &[("RoleName", "gone"), ("AssumeRolePolicyDocument", LAMBDA)]).await;
    cloud.done("DeleteRole", &[("RoleName", "gone")]).await;
    let before = (cloud.done("GetAccountAuthorizationDetails", &[]).await, cloud.done("ListRoles", &[]).await);
    let Cloud { iam, folder } = cloud;
    let common = iam.common.clone();
    drop(iam);
    let Common { account, clock, disk } = common;
    drop(disk);
    let disk = Arc::new(Disk::open(folder.path()).unwrap());
    let cloud = Cloud { iam: Iam::open(Common { account, clock, disk }).unwrap(), folder };
    assert_eq!((cloud.done("GetAccountAuthorizationDetails", &[]).await, cloud.done("ListRoles", &[]).await), before);
}

#[tokio::test]
async fn what_a_role_may_do_follows_its_policies_and_its_boundary() {
    const ARN: &str = "arn:aws:iam::000000000000:role/demo";
    const GROUP: &str = "arn:aws:logs:eu-central-1:000000000000:log-group:/aws/lambda/x:*";
    let cloud = Cloud::with_role().await;
    let role = ("RoleName", "demo");
    let may = |action: &str| cloud.iam.allows(ARN, action, GROUP);
    assert_eq!(cloud.iam.trusts(ARN, "lambda.amazonaws.com"), Some(true));
    assert_eq!(cloud.iam.trusts(ARN, "events.amazonaws.com"), Some(false));
    assert_eq!(cloud.iam.trusts("arn:aws:iam::000000000000:role/x/demo", "lambda.amazonaws.com"), None);
    assert!(!may("logs:PutLogEvents"));
    cloud.done("AttachRolePolicy", &[role, ("PolicyArn", BASIC)]).await;
    assert!(may("logs:PutLogEvents") && !may("logs:DeleteLogGroup"));
    cloud.done("PutRolePolicy", &[role, ("PolicyName", "logs"), ("PolicyDocument", LOGS)]).await;
    assert!(may("logs:DeleteLogGroup"));
    cloud.done("PutRolePermissionsBoundary", &[role, ("PermissionsBoundary", "arn:aws:iam::aws:policy/AmazonS3FullAccess")]).await;
    assert!(!may("logs:PutLogEvents"));
    cloud.done("PutRolePermissionsBoundary", &[role, ("PermissionsBoundary", "arn:aws:iam::aws:policy/ReadOnlyAccess")]).await;
    assert!(may("logs:PutLogEvents"), "a boundary whose document is unknown does not bound");
    let deny = LOGS.replace("Allow", "Deny").replace("\"logs:*\"", "\"logs:Delete*\"");
    cloud.done("PutRolePolicy", &[role, ("PolicyName", "no"), ("PolicyDocument", &deny)]).await;
    assert!(may("logs:PutLogEvents") && !may("logs:DeleteLogGroup"));
    assert!(!cloud.iam.allows("arn:aws:iam::000000000000:role/none", "logs:PutLogEvents", GROUP));
}
