//! What the answer of a module does: the second word of a line of pam.d(5).

/// What is done after an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Action {
    Ignore,
    Bad,
    Die,
    Good,
    Done,
    Reset,
    /// So many of the next modules are left out.
    Jump(usize),
}

/// What is done after each answer that matters here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Control {
    /// The module agrees.
    pub(super) success: Action,
    /// The module does not agree.
    pub(super) otherwise: Action,
    /// The module can't be loaded, which counts as `perm_denied`.
    pub(super) missing: Action,
}

impl Control {
    /// Reads a word such as `required`, or pairs such as `success=1 default=ignore`. Returns nothing for what PAM
    /// does not know.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (success, otherwise) = match text {
            "required" => (Action::Good, Action::Bad),
            "requisite" => (Action::Good, Action::Die),
            "sufficient" => (Action::Done, Action::Ignore),
            "optional" => (Action::Good, Action::Ignore),
            _ => return Self::pairs(text),
        };
        Some(Self { success, otherwise, missing: otherwise })
    }

    fn pairs(text: &str) -> Option<Self> {
        let mut pairs = Vec::new();
        for pair in text.split_whitespace() {
            let (answer, action) = pair.split_once('=')?;
            pairs.push((answer, action_of(action)?));
        }
        let of = |answer: &str| pairs.iter().find(|(name, _)| *name == answer).map(|(_, action)| *action);
        // What is not named is bad.
        let otherwise = of("default").unwrap_or(Action::Bad);
        let named = |answer| of(answer).unwrap_or(otherwise);
        Some(Self { success: named("success"), otherwise, missing: named("perm_denied") })
    }
}

fn action_of(text: &str) -> Option<Action> {
    Some(match text {
        "ignore" => Action::Ignore,
        "bad" => Action::Bad,
        "die" => Action::Die,
        "ok" => Action::Good,
        "done" => Action::Done,
        "reset" => Action::Reset,
        number => Action::Jump(number.parse().ok().filter(|number| *number > 0)?),
    })
}
