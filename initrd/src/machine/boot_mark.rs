//! The mark of a boot that has not ended in an orderly way: the root hash of its `/usr`, in an EFI variable.

use anyhow::Result;

use crate::machine::efi_variable::Variable;

const NAME: &str = "PatternVerityRestart";

/// Where the mark is.
pub(crate) fn variable() -> Variable {
    Variable::new(NAME)
}

/// Removes the mark, at an orderly end: the next boot may restart on corruption again.
///
/// # Errors
/// When it is there and can't be removed.
pub(crate) fn remove() -> Result<()> {
    variable().remove()
}
