//! What the answer of a module does: the second word of a line of pam.d(5), and `_pam_parse_control` of Linux-PAM.

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
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Control {
    /// The module agrees.
    pub(super) success: Action,
    /// The module does not agree.
    pub(super) otherwise: Action,
    /// The module can't be loaded: `module_unknown`.
    pub(super) missing: Action,
    /// Answers of which each has an action of its own, such as `ignore`.
    pub(super) others: Vec<Action>,
}

/// What PAM makes of a word that it does not know.
const WRONG: Control =
    Control { success: Action::Bad, otherwise: Action::Bad, missing: Action::Bad, others: Vec::new() };

impl Control {
    /// Reads a word such as `required`, or pairs such as `success=1 default=ignore`.
    pub(super) fn read(text: &str) -> Self {
        let (success, otherwise) = match &*text.to_ascii_lowercase() {
            "required" => (Action::Good, Action::Bad),
            "requisite" => (Action::Good, Action::Die),
            "sufficient" => (Action::Done, Action::Ignore),
            "optional" => (Action::Good, Action::Ignore),
            _ => return Self::pairs(text).unwrap_or(WRONG),
        };
        Self { success, otherwise, missing: otherwise, others: vec![Action::Ignore] }
    }

    fn pairs(text: &str) -> Option<Self> {
        let mut pairs: Vec<(&str, Action)> = Vec::new();
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let (answer, action) = rest.split_once('=')?;
            let answer = answer.trim_end();
            let action = action.trim_start();
            let end = action.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(action.len());
            if !answer.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
                return None;
            }
            pairs.push((answer, action_of(action.get(..end)?)?));
            rest = action.get(end..)?.trim_start();
        }
        // The last one counts; but of two defaults the second finds nothing that has no action yet.
        let of =
            |answer: &str| pairs.iter().rev().find(|(name, _)| *name == answer).map(|(_, action)| *action);
        let default = pairs.iter().find(|(name, _)| *name == "default").map(|(_, action)| *action);
        // What is not named is bad.
        let otherwise = default.unwrap_or(Action::Bad);
        let named = |answer| of(answer).unwrap_or(otherwise);
        // A module that was loaded has another answer than this.
        let others = pairs.iter().filter(|(name, _)| *name != "module_unknown").map(|(_, action)| *action);
        Some(Self {
            success: named("success"),
            otherwise,
            missing: named("module_unknown"),
            others: others.collect(),
        })
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
