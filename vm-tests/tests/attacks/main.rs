//! Attacks: one file each, whose head is what is done. Each is run on an installed system of ours, which must refuse it,
//! and on one by stock means, where what happens is only noted: `make attacks` puts both into docs/security.md.

mod attack;
mod header;
mod planted;
mod stolen;

mod another_tpm;
mod extra_slot;
mod header_switch;
mod null_keyslot;
mod null_segment;
mod old_copy;
mod planted_known;
mod planted_sealed;
mod reencryption;
mod running;
mod second_disk;
mod secure_boot_off;
mod shell_by_command_line;
mod verity_by_command_line;
