//! The first keys of a file alone: what says where a project lives, how it is watched and who is told.

use super::header::TOP;
use toml_edit::{DocumentMut, TableLike};

const VARS: &str = "vars";
const STAGE: &str = "stage";
const LOCAL: &str = "local";

/// The text of a file without its sections: no function, no role, no template. `None` for a text that is no TOML.
pub fn first_keys(text: &str) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    let root = document.as_table_mut();
    keep(root, &[STAGE, LOCAL]);
    if let Some(overlay) = root.get_mut(LOCAL).and_then(|item| item.as_table_like_mut()) {
        keep(overlay, &[]);
    }
    if let Some(stages) = root.get_mut(STAGE).and_then(|item| item.as_table_like_mut()) {
        for (_, stage) in stages.iter_mut() {
            stage.as_table_like_mut().into_iter().for_each(|stage| keep(stage, &[]));
            // One whose header named a section is there without it, too.
            stage.as_table_mut().into_iter().for_each(|stage| stage.set_implicit(false));
        }
    }
    document.set_trailing("");
    Some(document.to_string())
}

/// Takes away what is none of the first keys, of variables, or of `others`.
fn keep(table: &mut dyn TableLike, others: &[&str]) {
    let is_kept = |key: &str| key == VARS || others.contains(&key) || TOP.iter().any(|field| field.key == key);
    let sections: Vec<String> = table.iter().map(|(key, _)| key.to_owned()).filter(|key| !is_kept(key)).collect();
    sections.iter().for_each(|key| drop(table.remove(key)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_left_out_also_of_stages() {
        let text = "project = \"demo\"\nvars.to = \"ops\"\n[aws]\nregion = \"eu-central-1\"\n\n[defaults.environment]\nTOKEN = \"hunter2\"\n\n\
            [function.a.environment]\nTOKEN = \"hunter2\"\n\n[[notify]]\nsns = \"arn:aws:sns:eu-central-1:123456789012:${var.to}\"\n\n\
            [stage.dev.function.a]\ndescription = \"hunter2\"\n\n[stage.prod]\nprotect = true\nfunction.a.description = \"hunter2\"\n\n\
            [local.function.a]\ndescription = \"hunter2\"\n# hunter2\n";
        let first = first_keys(text).unwrap();
        assert!(!first.contains("hunter2") && !first.contains("function"), "{first}");
        for kept in ["project = \"demo\"", "vars.to", "region", "sns = ", "[stage.prod]", "protect = true"] {
            assert!(first.contains(kept), "{kept}: {first}");
        }
        assert_eq!(super::super::salvage_stages(std::path::Path::new("config.toml"), &first), ["dev", "prod"]);
        assert_eq!(first_keys("project = \n"), None);
    }
}
