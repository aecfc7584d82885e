//! The scenarios: one file each, whose head is the promise that it guards.

mod added_partitions;
mod bigger_disk;
mod break_stage;
mod cleared_tpm;
mod confined;
mod degraded_usr;
mod devices_stay;
mod disk_too_small;
mod earlier_version;
mod epoch;
mod firmware_keys;
mod first_boot;
mod foreign_persist;
mod grows_while_running;
#[path = "../attacks/tools/header.rs"]
#[allow(dead_code, reason = "the attacks need more of it")]
mod header;
mod hidden_tpm;
mod instructions;
mod judges;
mod latch;
mod no_grow;
mod no_tpm;
mod on_corruption;
mod only_var;
mod other_firmware;
mod pin;
mod plan_only;
mod power_cut;
mod production;
mod rebind;
mod records_writes;
mod recovery;
mod reset;
mod reset_by_target;
mod reset_menu;
mod reset_power_cut;
mod search;
mod second_boot;
mod second_disk;
mod secure_boot;
mod shell;
mod sizes;
mod stock_opens_ours;
#[path = "../attacks/tools/stolen.rs"]
#[allow(dead_code, reason = "the attacks need more of it")]
mod stolen;
mod tampered_superblock;
mod tampered_tree;
mod tampered_usr;
mod torn_header;
mod tpm_commands;
mod tpm_in_use;
mod update;
mod update_broken;
mod update_damaged;
mod update_for_use;
mod update_interrupted;
mod update_keyring;
mod update_power_cut;
mod update_refused;
mod update_superseded;
mod update_third;
mod update_unbootable;
mod userspace;
mod volatile;
