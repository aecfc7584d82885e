//! The mark of a boot that has not ended in an orderly way: an EFI variable with the root hash of
//! its `/usr`.

use anyhow::Result;

use crate::efi_variable::Variable;

const NAME: &str = "PatternVerityRestart";

/// Returns the variable that holds the mark.
pub fn variable() -> Variable {
    Variable::new(NAME)
}

/// Removes the mark at an orderly end. The next boot may then restart again after corruption.
///
/// # Errors
/// When the mark exists and can't be removed.
pub fn remove() -> Result<()> {
    variable().remove()
}
