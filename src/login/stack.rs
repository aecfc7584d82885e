//! Whether a stack of modules can agree: pam.d(5), and `_pam_dispatch_aux` of Linux-PAM.

use super::control::{Action, Control};

/// One line of a stack.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Line {
    /// A module.
    Module {
        /// As the line names it.
        name: String,
        control: Control,
        /// Whether it may be missing: the line begins with `-`.
        is_optional: bool,
    },
    /// Lines that end by themselves: `substack`.
    Stack(Vec<Line>),
}

/// What the modules said so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum So {
    Nothing,
    Good,
    Bad,
}

/// Returns whether there are answers of the modules with which the stack agrees. `is_there`: whether a module can be loaded.
pub(super) fn can_agree(stack: &[Line], is_there: &dyn Fn(&str) -> bool) -> bool {
    ends(stack, So::Nothing, is_there).contains(&So::Good)
}

/// Returns all that a stack can end with.
fn ends(stack: &[Line], so: So, is_there: &dyn Fn(&str) -> bool) -> Vec<So> {
    let mut ends = Vec::new();
    let mut open = vec![(0, so)];
    let mut seen = Vec::new();
    while let Some((at, so)) = open.pop() {
        if seen.contains(&(at, so)) {
            continue;
        }
        seen.push((at, so));
        let Some(line) = stack.get(at) else {
            ends.push(if at == stack.len() { so } else { So::Bad });
            continue;
        };
        match line {
            Line::Stack(lines) => {
                open.extend(self::ends(lines, so, is_there).into_iter().map(|so| (at + 1, so)))
            }
            Line::Module { name, control, is_optional } => {
                for action in actions(name, *control, *is_optional, is_there) {
                    match step(action, so) {
                        Step::On(count, so) => open.push((at + count, so)),
                        Step::End(so) => ends.push(so),
                    }
                }
            }
        }
    }
    ends
}

/// Returns what can be done after a module was asked.
fn actions(name: &str, control: Control, is_optional: bool, is_there: &dyn Fn(&str) -> bool) -> Vec<Action> {
    match name.rsplit('/').next().unwrap_or(name) {
        _ if !is_there(name) && is_optional => vec![Action::Ignore],
        _ if !is_there(name) => vec![control.missing],
        "pam_deny.so" => vec![control.otherwise],
        "pam_permit.so" => vec![control.success],
        _ => vec![control.success, control.otherwise],
    }
}

enum Step {
    /// So many lines further.
    On(usize, So),
    End(So),
}

fn step(action: Action, so: So) -> Step {
    let good = if so == So::Bad { So::Bad } else { So::Good };
    match action {
        Action::Ignore => Step::On(1, so),
        Action::Good => Step::On(1, good),
        Action::Bad => Step::On(1, So::Bad),
        Action::Reset => Step::On(1, So::Nothing),
        Action::Jump(count) => Step::On(count + 1, so),
        Action::Done => Step::End(good),
        Action::Die => Step::End(So::Bad),
    }
}
