//! Changes a table step by step to its target shape.

use super::persist::{LABEL, existing};
use super::{Change, Decision, Extent, Found, Guid, Partition, Refusal, Table, Wanted, persist};

/// Types of `/usr` and its verity partition for x86-64 and arm64 (Discoverable Partitions
/// Specification).
pub(super) const USR_TYPES: [(Guid, Guid); 2] = [
    (Guid::new(0x8484680C_9521_48C6_9C11_B0720656F69E), Guid::new(0x77FF5F63_E7B6_4633_ACF4_1565B864C0E6)),
    (Guid::new(0xB0E01050_EE5F_4390_949A_9101B17104E9), Guid::new(0x6E11A4E7_FBCA_4DED_B9E9_E1A512BB664E)),
];
/// Label of an empty slot: systemd-sysupdate's convention, which systemd-gpt-auto-generator skips.
const EMPTY: &str = "_empty";
/// Attribute bit 60, read-only. Like systemd-repart, this does not set a "no-auto" bit on a slot.
const READ_ONLY: u64 = 1 << 60;

pub(super) struct Draft<'a> {
    found: &'a Found,
    table: Table,
    changes: Vec<Change>,
    lacks: Vec<Refusal>,
    persist: Option<Partition>,
}

/// The running `/usr`: its partition, and the partition type of its hash tree.
pub(super) struct Usr {
    part: Partition,
    verity_type: Guid,
}

impl<'a> Draft<'a> {
    pub(super) fn new(found: &'a Found) -> Result<Self, Refusal> {
        let persist = existing(&found.table)?;
        Ok(Self { found, table: found.table.clone(), changes: Vec::new(), lacks: Vec::new(), persist })
    }

    /// Leaves the table of an installed system as it is. A fresh system fails, and so does one whose
    /// volume was given up: both need another table.
    pub(super) fn unchanged(self, refusal: Refusal) -> Result<Decision, Refusal> {
        if self.persist.is_none_or(|part| part.label != LABEL) {
            return Err(refusal);
        }
        Ok(Decision { table: self.found.table.clone(), changes: Vec::new(), lacks: vec![refusal] })
    }

    /// Moves the backup header to the last sector, with its entries before it. Partitions must end
    /// before them.
    pub(super) fn move_backup(&mut self) -> Result<(), Refusal> {
        if !self.found.source.primary_good() {
            self.changes.push(Change::RestorePrimary);
        }
        let last = self.found.sectors.saturating_sub(1);
        let usable = last.saturating_sub(self.table.array_sectors() + 1);
        self.table.check(usable)?;
        if self.table.backup_lba != last || self.table.last_usable > usable {
            self.table.backup_lba = last;
            self.table.last_usable = usable;
            self.changes.push(Change::MoveBackup);
        } else if !self.found.source.backup_good() {
            self.changes.push(Change::RestoreBackup);
        }
        Ok(())
    }

    pub(super) fn usr(&self, uuid: Guid) -> Result<Usr, Refusal> {
        let part = self.table.partitions().find(|part| part.uuid == uuid).ok_or(Refusal::NoUsr { uuid })?;
        let types = USR_TYPES.into_iter().find(|(usr, _)| *usr == part.kind);
        let (_, verity_type) =
            types.ok_or_else(|| Refusal::UsrType { part: part.to_string(), kind: part.kind })?;
        Ok(Usr { part, verity_type })
    }

    /// On a fresh disk, where the running `/usr` is the last partition, fails early and says how
    /// much room is missing in total.
    pub(super) fn fits(&self, usr: &Usr, wanted: &Wanted) -> Result<(), Refusal> {
        let first = usr.part.extent.first;
        if self.persist.is_some() || self.table.next_after(first).is_some() {
            return Ok(());
        }
        let sizes = [self.size_of(usr, wanted.usr_size), wanted.persist_least];
        let missing = self.missing(usr, wanted).into_iter().flatten().map(|slot| slot.bytes);
        let start = self.table.align_up(first);
        let end = sizes
            .into_iter()
            .chain(missing)
            .map(|bytes| self.table.sectors(bytes))
            .fold(start, u64::saturating_add);
        if end <= self.table.last_usable.saturating_add(1) {
            return Ok(());
        }
        let size = self.table.sector_size;
        let need = self.table.align_up(end.saturating_add(self.table.array_sectors() + 1));
        let [disk, need] = [self.found.sectors, need].map(|sectors| sectors.saturating_mul(size));
        Err(Refusal::DiskTooSmall { disk, need })
    }

    /// Returns the bytes that the running `/usr` partition will have.
    fn size_of(&self, usr: &Usr, wanted: u64) -> u64 {
        self.table.bytes(usr.part.extent).max(wanted)
    }

    pub(super) fn grow_usr(&mut self, usr: &Usr, size: u64) -> Result<(), Refusal> {
        let part = &usr.part;
        let sectors = self.table.sectors(size);
        if sectors <= part.extent.sectors() {
            return Ok(());
        }
        let wanted = Extent { first: part.extent.first, last: part.extent.first.saturating_add(sectors - 1) };
        match self.blocked(part, wanted) {
            Some(refusal) => self.do_without(refusal),
            None => {
                self.grow(part, wanted.last);
                Ok(())
            }
        }
    }

    /// Returns what a partition would collide with if it grew.
    fn blocked(&self, part: &Partition, wanted: Extent) -> Option<Refusal> {
        let bytes = self.table.bytes(wanted);
        let until = |last: u64| self.table.bytes(Extent { last, ..wanted });
        match self.table.next_after(wanted.first) {
            Some(next) if next.extent.first <= wanted.last => Some(Refusal::InTheWay {
                part: part.to_string(),
                next: next.to_string(),
                bytes,
                room: until(next.extent.first.saturating_sub(1)),
            }),
            _ if wanted.last > self.table.last_usable => Some(Refusal::NoRoom {
                what: "the grown usr partition",
                bytes,
                largest: until(self.table.last_usable),
            }),
            _ => None,
        }
    }

    fn grow(&mut self, part: &Partition, last: u64) {
        let from = self.table.bytes(part.extent);
        let to = self.table.bytes(Extent { last, ..part.extent });
        if let Some(entry) = self.table.entry_mut(part.number) {
            entry.ending_lba = last;
        }
        self.changes.push(Change::Grow { number: part.number, label: part.label.clone(), from, to });
    }

    /// Returns the partitions of slot B that the table lacks: verity, usr.
    fn missing(&self, usr: &Usr, wanted: &Wanted) -> [Option<Slot>; 2] {
        let slots = [
            Slot { what: "verity slot B", kind: usr.verity_type, bytes: wanted.verity_size },
            Slot { what: "usr slot B", kind: usr.part.kind, bytes: wanted.usr_size },
        ];
        let running = [wanted.usr, wanted.verity];
        slots.map(|slot| {
            let mut others = self.table.partitions().filter(|part| !running.contains(&part.uuid));
            (!others.any(|part| part.kind == slot.kind)).then_some(slot)
        })
    }

    pub(super) fn add_slot(&mut self, usr: &Usr, wanted: &Wanted) -> Result<(), Refusal> {
        for slot in self.missing(usr, wanted).into_iter().flatten() {
            if let Err(refusal) = self.add(&slot) {
                self.do_without(refusal)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, slot: &Slot) -> Result<(), Refusal> {
        let number = self.table.unused_number()?;
        let sectors = self.table.sectors(slot.bytes);
        let gaps = self.table.gaps();
        let Some(gap) = gaps.iter().find(|gap| gap.sectors() >= sectors) else {
            let largest = gaps.iter().map(|gap| self.table.bytes(*gap)).max().unwrap_or_default();
            return Err(Refusal::NoRoom { what: slot.what, bytes: slot.bytes, largest });
        };
        let extent = Extent { first: gap.first, last: gap.first.saturating_add(sectors).saturating_sub(1) };
        // The UUID comes when the table is committed.
        self.table.put(number, slot.kind, Guid::new(0), extent, EMPTY, READ_ONLY);
        let size = self.table.bytes(extent);
        self.changes.push(Change::Add { number, what: slot.what, size });
        Ok(())
    }

    /// Grows `persist` into the unused space behind it.
    pub(super) fn grow_persist(&mut self) -> Result<(), Refusal> {
        let Some(part) = self.persist.clone() else {
            return Ok(());
        };
        let next = self.table.next_after(part.extent.last).map(|next| next.extent.first);
        let end = next.unwrap_or(self.table.last_usable.saturating_add(1));
        let last = self.table.align_down(end).saturating_sub(1);
        if last > part.extent.last {
            self.grow(&part, last);
        }
        Ok(())
    }

    /// Fails if there is no `persist` and no room for one, because the growth would be useless.
    pub(super) fn leave_persist(&self, least: u64) -> Result<(), Refusal> {
        if self.persist.is_none() && least > 0 {
            persist(&self.table, least)?;
        }
        Ok(())
    }

    /// Lets an installed system go on without what the disk has no room for. A fresh system fails.
    fn do_without(&mut self, refusal: Refusal) -> Result<(), Refusal> {
        if self.persist.is_none() {
            return Err(refusal);
        }
        self.lacks.push(refusal);
        Ok(())
    }

    pub(super) fn decision(self) -> Decision {
        Decision { table: self.table, changes: self.changes, lacks: self.lacks }
    }
}

/// A partition to add.
struct Slot {
    what: &'static str,
    kind: Guid,
    bytes: u64,
}
