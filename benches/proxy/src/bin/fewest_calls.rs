//! The yardstick: the fewest calls that the benchmark's stack can be made, read, changed and deleted with.
//!
//! It knows the stack by heart. It plans nothing, keeps no state and checks nothing but that each call goes through, so
//! that no tool can be much faster: what a tool takes longer is the price of what it does besides.
//!
//! usage: `fewest-calls URL create|read|update|delete FUNCTIONS ZIPS [--pace]`

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use benchmark_proxy::{Client, Error};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const TRUST: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"lambda.amazonaws.com"}}]}"#;
const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::bench-data/*"}]}"#;
const MANAGED: &str = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
/// How many zips are in memory at once.
const UPLOADS: usize = 8;

struct Stack {
    client: Client,
    account: String,
    zips: PathBuf,
    uploads: Semaphore,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (url, phase, count, zips, pace) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [url, phase, count, zips] => (url, phase, count, zips, false),
        [url, phase, count, zips, "--pace"] => (url, phase, count, zips, true),
        _ => return Err("usage: fewest-calls URL create|read|update|delete FUNCTIONS ZIPS [--pace]".into()),
    };
    let client = Client::new(url, pace);
    let identity = client.query("sts", "2011-06-15", "GetCallerIdentity", &[]).await?;
    let account = between(&identity, "<Account>", "<").unwrap_or_default().to_owned();
    let stack = Arc::new(Stack { client, account, zips: Path::new(zips).to_owned(), uploads: Semaphore::new(UPLOADS) });
    if phase == "read" {
        let each = stack.clone().each(count.parse()?, phase);
        tokio::try_join!(stack.read_roles(), stack.read_functions(), stack.read_log_groups(), stack.read_rules(), each)?;
        return Ok(());
    }
    stack.each(count.parse()?, phase).await
}

impl Stack {
    /// Does the phase for all functions at the same time.
    async fn each(self: Arc<Self>, count: usize, phase: &str) -> Result<(), Error> {
        let mut tasks = JoinSet::new();
        for number in 1..=count {
            let (stack, phase) = (Arc::clone(&self), phase.to_owned());
            tasks.spawn(async move { stack.one(&phase, &format!("bench-{number:04}")).await });
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        Ok(())
    }

    async fn one(&self, phase: &str, name: &str) -> Result<(), Error> {
        match phase {
            "create" => self.create(name).await,
            "read" => self.read(name).await,
            "update" => self.update(name).await,
            "delete" => self.delete(name).await,
            _ => Err(format!("unknown phase {phase}").into()),
        }
    }

    async fn create(&self, name: &str) -> Result<(), Error> {
        let logs = async {
            self.logs("CreateLogGroup", &json!({"logGroupName": group(name)})).await?;
            self.logs("PutRetentionPolicy", &json!({"logGroupName": group(name), "retentionInDays": 30})).await
        };
        let rule = async {
            self.events("PutRule", &json!({"Name": name, "ScheduleExpression": "cron(0 6 1 * ? *)"})).await?;
            let arn = format!("arn:aws:lambda:us-east-1:{}:function:{name}", self.account);
            self.events("PutTargets", &json!({"Rule": name, "Targets": [{"Id": "lambda", "Arn": arn}]})).await
        };
        let function = async {
            self.iam("CreateRole", &[("RoleName", name), ("AssumeRolePolicyDocument", TRUST)]).await?;
            let attach = async { self.iam("AttachRolePolicy", &[("RoleName", name), ("PolicyArn", MANAGED)]).await };
            let put =
                async { self.iam("PutRolePolicy", &[("RoleName", name), ("PolicyName", "inline"), ("PolicyDocument", POLICY)]).await };
            tokio::try_join!(attach, put, self.create_function(name))
        };
        tokio::try_join!(logs, rule, function).map(drop)
    }

    async fn create_function(&self, name: &str) -> Result<(), Error> {
        let room = self.uploads.acquire().await?;
        let zip = STANDARD.encode(std::fs::read(self.zips.join(format!("{name}.zip")))?);
        let function = json!({
            "FunctionName": name,
            "Role": format!("arn:aws:iam::{}:role/{name}", self.account),
            "Runtime": "provided.al2023",
            "Handler": "bootstrap",
            "Architectures": ["arm64"],
            "MemorySize": 128,
            "Timeout": 3,
            "Environment": {"Variables": {"STAGE": "v1"}},
            "Code": {"ZipFile": zip},
        });
        self.client.lambda("CreateFunction", "POST", "", Some(&function)).await?;
        drop((function, room));
        let permission = json!({
            "StatementId": "events",
            "Action": "lambda:InvokeFunction",
            "Principal": "events.amazonaws.com",
            "SourceArn": format!("arn:aws:events:us-east-1:{}:rule/{name}", self.account),
        });
        let path = format!("/{name}/policy");
        tokio::try_join!(self.client.lambda("AddPermission", "POST", &path, Some(&permission)), self.look(name)).map(drop)
    }

    /// What no bulk read shows.
    async fn read(&self, name: &str) -> Result<(), Error> {
        let path = format!("/{name}/policy");
        let targets = json!({"Rule": name});
        tokio::try_join!(self.client.lambda("GetPolicy", "GET", &path, None), self.events("ListTargetsByRule", &targets)).map(drop)
    }

    async fn update(&self, name: &str) -> Result<(), Error> {
        let change = json!({"Environment": {"Variables": {"STAGE": "v2"}}});
        self.client.lambda("UpdateFunctionConfiguration", "PUT", &format!("/{name}/configuration"), Some(&change)).await?;
        self.look(name).await.map(drop)
    }

    async fn delete(&self, name: &str) -> Result<(), Error> {
        let role = async {
            let detach = async { self.iam("DetachRolePolicy", &[("RoleName", name), ("PolicyArn", MANAGED)]).await };
            let delete = async { self.iam("DeleteRolePolicy", &[("RoleName", name), ("PolicyName", "inline")]).await };
            tokio::try_join!(detach, delete)?;
            self.iam("DeleteRole", &[("RoleName", name)]).await
        };
        let rule = async {
            self.events("RemoveTargets", &json!({"Rule": name, "Ids": ["lambda"]})).await?;
            self.events("DeleteRule", &json!({"Name": name})).await
        };
        let path = format!("/{name}");
        let function = self.client.lambda("DeleteFunction", "DELETE", &path, None);
        let group = json!({"logGroupName": group(name)});
        tokio::try_join!(role, rule, function, self.logs("DeleteLogGroup", &group)).map(drop)
    }

    async fn look(&self, name: &str) -> Result<Value, Error> {
        self.client.lambda("GetFunction", "GET", &format!("/{name}"), None).await
    }

    async fn read_roles(&self) -> Result<(), Error> {
        let mut marker = String::new();
        loop {
            let mut form = vec![("Filter.member.1", "Role"), ("MaxItems", "1000")];
            if !marker.is_empty() {
                form.push(("Marker", &marker));
            }
            let page = self.iam("GetAccountAuthorizationDetails", &form).await?;
            match between(&page, "<Marker>", "<") {
                Some(next) => marker = next.to_owned(),
                None => return Ok(()),
            }
        }
    }

    async fn read_functions(&self) -> Result<(), Error> {
        let mut marker = String::new();
        loop {
            let page = self.client.lambda("ListFunctions", "GET", &format!("/?MaxItems=50{marker}"), None).await?;
            match page["NextMarker"].as_str() {
                Some(next) if !next.is_empty() => marker = format!("&Marker={next}"),
                _ => return Ok(()),
            }
        }
    }

    async fn read_log_groups(&self) -> Result<(), Error> {
        let mut body = json!({"logGroupNamePrefix": "/aws/lambda/bench-", "limit": 50});
        loop {
            let next = self.logs("DescribeLogGroups", &body).await?["nextToken"].take();
            if next.is_null() {
                return Ok(());
            }
            body["nextToken"] = next;
        }
    }

    async fn read_rules(&self) -> Result<(), Error> {
        let mut body = json!({"NamePrefix": "bench-", "Limit": 100});
        loop {
            let next = self.events("ListRules", &body).await?["NextToken"].take();
            if next.is_null() {
                return Ok(());
            }
            body["NextToken"] = next;
        }
    }

    async fn iam(&self, action: &str, form: &[(&str, &str)]) -> Result<String, Error> {
        self.client.query("iam", "2010-05-08", action, form).await
    }

    async fn logs(&self, name: &str, body: &Value) -> Result<Value, Error> {
        self.client.json("logs", "Logs_20140328", name, body).await
    }

    async fn events(&self, name: &str, body: &Value) -> Result<Value, Error> {
        self.client.json("events", "AWSEvents", name, body).await
    }
}

/// The log group of a function.
fn group(function: &str) -> String {
    format!("/aws/lambda/{function}")
}

/// What stands between two marks, the first of them.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    text.split_once(start).and_then(|(_, rest)| rest.split_once(end)).map(|(found, _)| found)
}
