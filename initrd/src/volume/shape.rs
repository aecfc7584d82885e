//! The target shape of the partition table for this image.

use anyhow::{Result, bail};
use pattern::table::{Decision, PERSIST_LEAST, Wanted};

use crate::context::Context;

/// Fails for a table that does not have its target shape yet, because a new volume would take the
/// space of what is missing.
///
/// # Errors
/// When the table lacks something. The error names it.
pub(crate) fn require(decision: &Decision) -> Result<()> {
    if !decision.changes.is_empty() {
        bail!(
            "the table does not have its target shape yet ({decision}); see why pattern-grow.service did not change it"
        );
    }
    Ok(())
}

/// Returns what this image requires of a table.
pub(crate) fn wanted(ctx: &Context) -> Wanted {
    let sizes = &ctx.config.partitions.sizes;
    Wanted {
        usr: ctx.usr.data(),
        verity: ctx.usr.tree(),
        usr_size: sizes.usr.bytes(),
        verity_size: sizes.verity.bytes(),
        persist_least: PERSIST_LEAST,
    }
}
