//! Looking for the functions of a project: all of the region's, and the tags of each.

use super::live::unread_tags;
use crate::aws::{AwsError, Pages, Reader};
use crate::kinds::reading::{AT_ONCE, in_turn};
use crate::kinds::{Found, Search};
use aws_sdk_lambda::operation::get_function::builders::GetFunctionInputBuilder;
use aws_sdk_lambda::operation::list_functions::builders::ListFunctionsInputBuilder;

pub(super) async fn find(reader: &Reader, search: &Search<'_>) -> Result<Vec<Found>, AwsError> {
    let (mut names, mut pages) = (Vec::new(), Pages::of("lambda:ListFunctions"));
    loop {
        let page = reader.list_functions(ListFunctionsInputBuilder::default().set_marker(pages.token())).await?;
        names.extend(page.functions().iter().filter_map(|function| function.function_name().map(str::to_owned)));
        if !pages.go_on(page.next_marker)? {
            break;
        }
    }
    let found = in_turn(names, AT_ONCE, |name| Box::pin(tagged(reader, name, search))).await;
    found.into_iter().filter_map(Result::transpose).collect()
}

/// The function of this name, if it is the project's.
async fn tagged(reader: &Reader, name: String, search: &Search<'_>) -> Result<Option<Found>, AwsError> {
    let answer = reader.get_function(GetFunctionInputBuilder::default().function_name(&name)).await;
    match answer.and_then(|answer| unread_tags(&answer).map_or(Ok(answer), Err)) {
        Ok(answer) => {
            let tags = answer.tags().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect();
            Ok(search.found(name, &tags))
        }
        // It went away in between.
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) if error.is_denied() && !search.may_be_ours("function", &name, &name) => {
            search.skip(format!("function `{name}`"), &error);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
