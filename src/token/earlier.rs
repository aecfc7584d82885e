//! What was measured before an announced change of firmware keys.

/// PCR 7 before an announced change, and what changed. It is enough to make a
/// [`crate::firmware::Claim`] after the change, and short enough for a token.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Earlier {
    /// The value of the register.
    pub value: Vec<u8>,
    /// The earlier `db` was this many first bytes of the present one, because changes are appended
    /// to it.
    pub db: Option<usize>,
    /// The digest of the event of `KEK`.
    pub kek: Option<Vec<u8>>,
    /// The digest of the event of `dbx`.
    pub dbx: Option<Vec<u8>>,
    /// The digests of the events that name what accepted the programs of the boot, if the change is of programs.
    pub accepted: Option<Vec<Vec<u8>>>,
}

impl Earlier {
    /// Returns the same of the boot before, where this one opened the volume by an announcement and settled nothing: records are still
    /// those of the boot before. What this one changed in between is in `kept`.
    #[must_use]
    pub fn since(self, kept: &Self) -> Self {
        Self {
            value: kept.value.clone(),
            db: kept.db.or(self.db),
            kek: kept.kek.clone().or(self.kek),
            dbx: kept.dbx.clone().or(self.dbx),
            accepted: kept.accepted.clone().or(self.accepted),
        }
    }
}
