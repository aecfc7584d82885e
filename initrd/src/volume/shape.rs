//! The target shape of the partition table for this image.

use anyhow::{Result, bail};
use pattern::table::{Found, PERSIST_LEAST, Table, Wanted, target};

use crate::context::Context;
use crate::machine::random::partition_uuid;

/// Returns the table that `pattern-grow` would commit.
///
/// # Errors
/// When the table can't get its target shape.
pub(crate) fn planned(ctx: &Context, found: &Found) -> Result<Table> {
    Ok(target(found, &wanted(ctx)?)?.table)
}

/// Fails for a table that does not have its target shape yet, because a new volume would take the
/// space of what is missing.
///
/// # Errors
/// When the table lacks something. The error names it.
pub(crate) fn require(ctx: &Context, found: &Found) -> Result<()> {
    let decision = target(found, &wanted(ctx)?)?;
    if !decision.changes.is_empty() {
        bail!(
            "the table has not its target shape yet ({decision}); see why pattern-grow.service did not change it"
        );
    }
    Ok(())
}

/// Returns what this image requires of a table.
///
/// # Errors
/// When the kernel gives no random numbers.
pub(crate) fn wanted(ctx: &Context) -> Result<Wanted> {
    let sizes = &ctx.config.partitions.sizes;
    Ok(Wanted {
        usr: ctx.usr.data(),
        verity: ctx.usr.tree(),
        usr_size: sizes.usr.bytes(),
        verity_size: sizes.verity.bytes(),
        persist_least: PERSIST_LEAST,
        new: [partition_uuid()?, partition_uuid()?],
    })
}
