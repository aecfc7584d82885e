//! `pattern burn` as people run it: into files, which needs no rights, and onto loop devices, which are disks.

mod device;
mod file;
mod image;
mod place;
mod stop;
mod terminal;
mod usage;
