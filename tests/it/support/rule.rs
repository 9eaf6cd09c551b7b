//! What the proxy does to which calls.

use super::wire::Operation;
use hyper::StatusCode;
use hyper::body::Bytes;
use serde_json::Value;
use std::time::Duration;

/// What happens to a call that a rule hits.
#[derive(Clone, Debug)]
pub enum Act {
    /// The emulator never sees it; the client is refused.
    Refuse {
        /// HTTP status.
        status: u16,
        /// AWS's error code.
        code: &'static str,
        /// AWS's message.
        message: String,
        /// What `Retry-After` says, in seconds.
        retry_after: Option<u64>,
    },
    /// The emulator never sees it; the client is told to slow down, as its service says that.
    Throttle,
    /// The emulator never sees it; the client gets this.
    Answer {
        /// HTTP status.
        status: u16,
        /// The body as AWS would write it.
        body: String,
    },
    /// The emulator does it, and the client gets another answer than it gave.
    Rewrite(Rewrite),
    /// The emulator does it, the connection breaks before the answer.
    DropAnswer,
    /// The emulator never sees it, the connection breaks.
    Cut,
    /// The emulator does it, the running lambdo gets a signal; after `KILL` no answer is sent.
    Signal(&'static str),
    /// The call waits in the proxy until `Proxy::release`.
    Hold,
    /// The call waits in the proxy for this long.
    Delay(Duration),
}

/// How an answer is changed.
#[derive(Clone, Copy, Debug)]
pub enum Rewrite {
    /// As JSON, where it went through.
    Json(fn(&mut Value)),
    /// As text.
    Text(fn(&str) -> String),
}

impl Rewrite {
    /// The answer that the client gets.
    pub fn apply(self, status: StatusCode, body: &Bytes) -> Bytes {
        if !status.is_success() {
            return body.clone();
        }
        match self {
            Self::Json(change) => {
                let mut json = serde_json::from_slice(body).unwrap_or_else(|error| panic!("no JSON to change: {error}"));
                change(&mut json);
                json.to_string().into()
            }
            Self::Text(change) => change(&String::from_utf8_lossy(body)).into(),
        }
    }
}

#[derive(Clone, Debug)]
enum Which {
    All,
    First(usize),
    Nth(usize),
    Every(usize),
}

/// One thing that goes wrong.
#[derive(Clone, Debug)]
pub struct Rule {
    operation: Option<&'static str>,
    is_mutating: bool,
    fragment: Option<String>,
    since: Option<&'static str>,
    which: Which,
    act: Act,
    hits: usize,
}

impl Rule {
    /// Any call.
    pub fn any() -> Self {
        Self { operation: None, is_mutating: false, fragment: None, since: None, which: Which::All, act: Act::Throttle, hits: 0 }
    }

    /// Calls of one operation.
    pub fn on(operation: &'static str) -> Self {
        Self { operation: Some(operation), ..Self::any() }
    }

    /// Calls that change something.
    pub fn mutating() -> Self {
        Self { is_mutating: true, ..Self::any() }
    }

    /// Only those with this text in path or body.
    pub fn containing(mut self, fragment: &str) -> Self {
        self.fragment = Some(fragment.to_owned());
        self
    }

    /// Only those that come after a call of this operation.
    pub fn since(mut self, operation: &'static str) -> Self {
        self.since = Some(operation);
        self
    }

    /// Only the first `count` of them.
    pub fn first(mut self, count: usize) -> Self {
        self.which = Which::First(count);
        self
    }

    /// Only the `number`th of them, counted from 1.
    pub fn nth(mut self, number: usize) -> Self {
        self.which = Which::Nth(number);
        self
    }

    /// Only every `period`th of them.
    pub fn every(mut self, period: usize) -> Self {
        self.which = Which::Every(period);
        self
    }

    /// Refuses them.
    pub fn refuse(mut self, status: u16, code: &'static str, message: impl Into<String>) -> Self {
        self.act = Act::Refuse { status, code, message: message.into(), retry_after: None };
        self
    }

    /// Throttles them.
    pub fn throttle(mut self) -> Self {
        self.act = Act::Throttle;
        self
    }

    /// Throttles them as Lambda does, and says how long to stay away.
    pub fn retry_after(mut self, seconds: u64) -> Self {
        let message = "Rate exceeded".to_owned();
        self.act = Act::Refuse { status: 429, code: "TooManyRequestsException", message, retry_after: Some(seconds) };
        self
    }

    /// Answers them in the emulator's place.
    pub fn answer(mut self, status: u16, body: impl Into<String>) -> Self {
        self.act = Act::Answer { status, body: body.into() };
        self
    }

    /// Changes the emulator's answer, which is JSON.
    pub fn rewrite(mut self, change: fn(&mut Value)) -> Self {
        self.act = Act::Rewrite(Rewrite::Json(change));
        self
    }

    /// Changes the emulator's answer as text.
    pub fn rewrite_text(mut self, change: fn(&str) -> String) -> Self {
        self.act = Act::Rewrite(Rewrite::Text(change));
        self
    }

    /// Loses the answers.
    pub fn drop_answer(mut self) -> Self {
        self.act = Act::DropAnswer;
        self
    }

    /// Breaks the connection before the emulator sees anything.
    pub fn cut(mut self) -> Self {
        self.act = Act::Cut;
        self
    }

    /// Sends a signal to lambdo when the emulator has done it.
    pub fn signal(mut self, name: &'static str) -> Self {
        self.act = Act::Signal(name);
        self
    }

    /// Keeps them waiting.
    pub fn hold(mut self) -> Self {
        self.act = Act::Hold;
        self
    }

    /// Keeps them waiting for this long.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.act = Act::Delay(delay);
        self
    }

    /// Counts a call if it matches, and says what happens to it. `seen` tells which operations were called before.
    pub fn judge(&mut self, operation: &Operation, path: &str, body: &[u8], seen: impl Fn(&str) -> bool) -> Option<Act> {
        let is_fragment_there =
            self.fragment.as_ref().is_none_or(|text| path.contains(text) || String::from_utf8_lossy(body).contains(text));
        let is_named = self.operation.is_none_or(|name| name == operation.name);
        let is_time = self.since.is_none_or(seen);
        if !is_named || !is_fragment_there || !is_time || (self.is_mutating && !operation.is_mutating()) {
            return None;
        }
        self.hits += 1;
        let is_hit = match self.which {
            Which::All => true,
            Which::First(count) => self.hits <= count,
            Which::Nth(number) => self.hits == number,
            Which::Every(period) => self.hits.is_multiple_of(period),
        };
        is_hit.then(|| self.act.clone())
    }
}
