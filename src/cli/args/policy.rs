//! What `policy` takes.

use clap::Args;

/// What `policy` takes.
#[derive(Args, Clone, Debug)]
pub struct PolicyArguments {
    /// Only what `plan` and `drift` need
    #[arg(long, conflicts_with = "destroy")]
    pub read_only: bool,
    /// What `destroy` needs
    #[arg(long)]
    pub destroy: bool,
    /// The account, so that AWS need not be asked [default: the one of `allowed_account_ids`, else that of the credentials]
    #[arg(long, value_name = "ID", value_parser = account)]
    pub account: Option<String>,
}

/// Twelve digits.
pub(super) fn account(text: &str) -> Result<String, String> {
    let is_account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_account { Ok(text.to_owned()) } else { Err("an account has twelve digits".to_owned()) }
}
