//! Attacks: one file each, whose head is what is done. Each is run on an installed system of ours, which must refuse it,
//! and on one by stock means, where what happens is only noted: `make attacks` puts both into docs/security.md.

mod tools;

mod another_tpm;
mod another_usr;
mod damaged_usr;
mod debug_image;
mod entry_removed;
mod extra_slot;
mod factory_reset;
mod header_switch;
mod hidden_tpm;
mod identity_removed;
mod names;
mod null_keyslot;
mod null_segment;
mod old_copy;
mod on_the_esp;
mod partitions;
mod pin;
mod planted_code;
mod planted_known;
mod planted_sealed;
mod reencryption;
mod running;
mod second_disk;
mod secure_boot_off;
mod shell_by_command_line;
mod smbios;
mod stick;
mod tpm_removed;
mod verity_by_command_line;
