//! What IAM refuses in a resource of a statement.

/// What an ARN of IAM's own may name.
const IAM_KINDS: &str = "user/, federated-user/, role/, group/, instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, \
                         saml-provider/, oidc-provider/, report/, access-report/";

/// Looks at a resource.
///
/// # Errors
/// IAM's message.
pub(super) fn check(resource: &str) -> Result<(), String> {
    if resource == "*" {
        return Ok(());
    }
    let Some((_, rest)) = resource.split_once(':') else {
        return Err(format!("Resource {resource} must be in ARN format or \"*\"."));
    };
    let (partition, rest) = rest.split_once(':').map_or((rest, None), |(partition, rest)| (partition, Some(rest)));
    if !["aws", "*"].contains(&partition) || !resource.starts_with("arn:") {
        let [service, region, account, name] = filled(rest.unwrap_or_default());
        return Err(format!(
            "Partition \"{partition}\" is not valid for resource \"arn:{partition}:{service}:{region}:{account}:{name}\"."
        ));
    }
    let Some(rest) = rest else { return Err("Resource vendor must be fully qualified and cannot contain regexes.".into()) };
    check_parts(partition, rest)
}

/// The parts behind the partition; the ones that are left out match anything.
fn filled(rest: &str) -> [&str; 4] {
    let mut parts = rest.splitn(4, ':');
    let mut next = || parts.next();
    let service = next().filter(|service| !service.is_empty() || rest.contains(':')).unwrap_or("*");
    [service, next().unwrap_or("*"), next().unwrap_or("*"), next().unwrap_or("*")]
}

fn check_parts(partition: &str, rest: &str) -> Result<(), String> {
    let [service, region, account, name] = filled(rest);
    let is_cut_short = rest.matches(':').count() < 3;
    if rest.is_empty() || service.is_empty() || (is_cut_short && rest.contains("::")) {
        return Err("The policy failed legacy parsing".into());
    }
    if service.contains(['*', '?']) {
        return Err("Resource vendor must be fully qualified and cannot contain regexes.".into());
    }
    let arn = format!("arn:{partition}:{service}:{region}:{account}:{name}");
    let is_bucket = service == "s3" && !name.starts_with("accesspoint/");
    match service {
        "s3" if is_bucket && !region.is_empty() => Err(format!("Resource {arn} can not contain region information.")),
        "s3" if is_bucket && !account.is_empty() => Err(format!("Resource {arn} cannot contain an account id.")),
        "route53" if !region.is_empty() => Err(format!("Resource {arn} can not contain region information.")),
        "iam" if !region.is_empty() => Err(format!("IAM resource {arn} cannot contain region information.")),
        "iam" if name != "*" && !IAM_KINDS.split(", ").any(|kind| name.starts_with(kind)) => {
            Err(format!("IAM resource path must either be \"*\" or start with {IAM_KINDS}."))
        }
        _ => Ok(()),
    }
}
