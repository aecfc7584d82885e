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
    },
    /// Lines that end by themselves: `substack`.
    Stack(Vec<Line>),
    /// Lines of a file that is not there.
    Absent(String),
    /// What PAM can't read. It never agrees.
    Unread,
}

/// What the modules said so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum So {
    Nothing,
    Good,
    Bad,
}

const ALL: [So; 3] = [So::Nothing, So::Good, So::Bad];

/// What a stack can end with, by what was said before it.
type Ends = [Vec<So>; 3];

/// Returns whether there are answers of the modules with which the stack agrees. `is_there`: whether what a line names
/// can be loaded.
pub(super) fn can_agree(stack: &[Line], is_there: &dyn Fn(&Line) -> bool) -> bool {
    let [after_nothing, ..] = ends(stack, is_there);
    after_nothing.contains(&So::Good)
}

/// Each stack is looked at once, however many are in each other.
fn ends(stack: &[Line], is_there: &dyn Fn(&Line) -> bool) -> Ends {
    let inner = |line: &Line| if let Line::Stack(lines) = line { Some(ends(lines, is_there)) } else { None };
    let inner: Vec<Option<Ends>> = stack.iter().map(inner).collect();
    let steps = |at: usize, so: So| match (stack.get(at), inner.get(at)) {
        (Some(_), Some(Some(ends))) => {
            let after = ALL.iter().zip(ends).find(|(one, _)| **one == so).map(|(_, after)| after);
            after.into_iter().flatten().map(|so| Step::On(1, *so)).collect()
        }
        (Some(line), _) => actions(line, is_there).into_iter().map(|action| step(action, so)).collect(),
        // One that leaves out more than there is does not agree.
        _ => vec![Step::End(if at == stack.len() { so } else { So::Bad })],
    };
    ALL.map(|before| walk(before, &steps))
}

/// Goes all ways through a stack.
fn walk(before: So, steps: &dyn Fn(usize, So) -> Vec<Step>) -> Vec<So> {
    let (mut ends, mut open, mut seen) = (Vec::new(), vec![(0, before)], Vec::new());
    while let Some((at, so)) = open.pop() {
        if seen.contains(&(at, so)) {
            continue;
        }
        seen.push((at, so));
        for step in steps(at, so) {
            match step {
                Step::On(count, so) => open.push((at.saturating_add(count), so)),
                Step::Reset => open.push((at.saturating_add(1), before)),
                Step::End(so) if !ends.contains(&so) => ends.push(so),
                Step::End(_) => {}
            }
        }
    }
    ends
}

/// Returns what can be done after a line.
fn actions(line: &Line, is_there: &dyn Fn(&Line) -> bool) -> Vec<Action> {
    let Line::Module { name, control } = line else {
        // What a file that is there would say is not known.
        let is_file = matches!(line, Line::Absent(_)) && is_there(line);
        return if is_file { vec![Action::Good, Action::Bad] } else { vec![Action::Bad] };
    };
    match name.rsplit('/').next().unwrap_or(name) {
        _ if !is_there(line) => vec![control.missing],
        "pam_deny.so" => vec![control.otherwise],
        "pam_permit.so" => vec![control.success],
        _ => [&[control.success, control.otherwise], &*control.others].concat(),
    }
}

enum Step {
    /// So many lines further.
    On(usize, So),
    /// What was said before this stack counts again.
    Reset,
    End(So),
}

fn step(action: Action, so: So) -> Step {
    let good = if so == So::Bad { So::Bad } else { So::Good };
    match action {
        Action::Ignore => Step::On(1, so),
        Action::Good => Step::On(1, good),
        Action::Bad => Step::On(1, So::Bad),
        Action::Reset => Step::Reset,
        Action::Jump(count) => Step::On(count.saturating_add(1), so),
        // PAM goes on if somebody disagreed before.
        Action::Done if so == So::Bad => Step::On(1, So::Bad),
        Action::Done => Step::End(good),
        Action::Die => Step::End(So::Bad),
    }
}
