//! What the proxy does to which calls.

use super::wire::Operation;

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
        message: &'static str,
    },
    /// The emulator never sees it; the client is told to slow down, as its service says that.
    Throttle,
    /// The emulator does it, the connection breaks before the answer.
    DropAnswer,
    /// The emulator does it, the running lambdo gets a signal; after `KILL` no answer is sent.
    Signal(&'static str),
    /// The call waits in the proxy until `Proxy::release`.
    Hold,
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
    which: Which,
    act: Act,
    hits: usize,
}

impl Rule {
    /// Any call.
    pub fn any() -> Self {
        Self { operation: None, is_mutating: false, fragment: None, which: Which::All, act: Act::Throttle, hits: 0 }
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
    pub fn refuse(mut self, status: u16, code: &'static str, message: &'static str) -> Self {
        self.act = Act::Refuse { status, code, message };
        self
    }

    /// Throttles them.
    pub fn throttle(mut self) -> Self {
        self.act = Act::Throttle;
        self
    }

    /// Loses the answers.
    pub fn drop_answer(mut self) -> Self {
        self.act = Act::DropAnswer;
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

    /// Counts a call if it matches, and says what happens to it.
    pub fn judge(&mut self, operation: &Operation, path: &str, body: &[u8]) -> Option<Act> {
        let is_fragment_there =
            self.fragment.as_ref().is_none_or(|text| path.contains(text) || String::from_utf8_lossy(body).contains(text));
        let is_named = self.operation.is_none_or(|name| name == operation.name);
        if !is_named || !is_fragment_there || (self.is_mutating && !operation.is_mutating()) {
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
