//! The scenarios: one file each, whose head is the promise that it guards.

mod bigger_disk;
mod break_stage;
mod cleared_tpm;
mod devices_stay;
mod disk_too_small;
mod first_boot;
mod foreign_persist;
mod no_grow;
mod no_tpm;
mod on_corruption;
mod only_var;
mod ours_opens_stock;
mod plan_only;
mod power_cut;
mod second_boot;
mod second_disk;
mod shell;
mod stock_opens_ours;
mod tampered_superblock;
mod tampered_tree;
mod tampered_usr;
mod volatile;
mod wrong_pcr;
