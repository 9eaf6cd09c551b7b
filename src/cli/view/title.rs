//! What stands above every plan and every question.

use crate::model::Target;

/// Which project, where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Title {
    /// The project's name.
    pub project: String,
    /// The stage, if there is one.
    pub stage: Option<String>,
    /// The account and the region.
    pub target: Target,
    /// The account's alias, where it has one that may be read.
    pub alias: Option<String>,
    /// The endpoint, where it is not AWS's own.
    pub endpoint: Option<String>,
    /// The state's serial; 0 when nothing was ever saved.
    pub serial: u64,
}

impl Title {
    /// `project · stage · account (alias) · region · state serial`, on one line.
    pub fn line(&self) -> String {
        let mut parts = vec![self.project.clone()];
        parts.extend(self.stage.clone());
        parts.push(match &self.alias {
            Some(alias) => format!("{} ({alias})", self.target.account),
            None => self.target.account.clone(),
        });
        parts.push(self.target.region.clone());
        parts.extend(self.endpoint.clone());
        parts.push(if self.serial == 0 { "first deployment".into() } else { format!("state serial {}", self.serial) });
        parts.join(" · ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_where_and_how_often() {
        let mut title = Title {
            project: "demo".into(),
            stage: None,
            target: Target::placeholder(),
            alias: Some("acme-dev".into()),
            endpoint: None,
            serial: 0,
        };
        assert_eq!(title.line(), "demo · 123456789012 (acme-dev) · us-east-1 · first deployment");
        title = Title { stage: Some("dev".into()), alias: None, endpoint: Some("http://localhost:4566".into()), serial: 7, ..title };
        assert_eq!(title.line(), "demo · dev · 123456789012 · us-east-1 · http://localhost:4566 · state serial 7");
    }
}
