//! The units of the initrd: the root, `/usr`, the persistent volume and what is bound from it.
//!
//! If one of systemd's own generators would write a unit for the same mount, ours has the same
//! name, so that it replaces theirs.

use crate::boot::flags::{Flags, Stage};
use crate::boot::usr::UsrHash;
use crate::config::Config;
use crate::plan::unit::{self, Text};
use crate::program::Program;

use super::{CONFIG_PATH, Plan, latch, production, shipped};

const USR_TARGET: &str = "initrd-usr-fs.target";
const ROOT_TARGET: &str = "initrd-root-fs.target";
const FS_TARGET: &str = "initrd-fs.target";

/// Returns the plan for one boot.
pub(super) fn plan(config: &Config, flags: &Flags, usr: &UsrHash) -> Plan {
    let mut plan = Plan::default();
    root(&mut plan);
    usr_device(&mut plan, usr);
    usr_mounts(&mut plan);
    nix_store(&mut plan);
    if flags.plan_only {
        plan.pull_in(&format!("{FS_TARGET}.wants"), Program::Persist.unit());
    } else if !flags.volatile {
        persist(&mut plan, config, flags);
    }
    require(&mut plan, FS_TARGET, Program::Seed.unit());
    production::credentials(&mut plan, config);
    latch::before_the_system(&mut plan);
    if let Some(stage) = flags.break_at {
        break_before(&mut plan, stage);
    }
    if config.debug {
        emergency_shell(&mut plan);
    }
    plan
}

/// A mount unit that a target needs.
struct Mount<'a> {
    what: &'a str,
    at: &'a str,
    kind: &'a str,
    options: &'a str,
    description: &'a str,
    target: &'a str,
    /// Further settings of the `[Unit]` section.
    unit: &'a [(&'a str, &'a str)],
}

fn mount(plan: &mut Plan, mount: &Mount<'_>) {
    let name = unit::of_path(mount.at, "mount");
    let mut head = vec![
        ("Description", mount.description),
        ("Documentation", "man:pattern-generator(8)"),
        ("SourcePath", CONFIG_PATH),
        ("DefaultDependencies", "no"),
        ("Before", mount.target),
    ];
    head.extend_from_slice(mount.unit);
    let body = [("What", mount.what), ("Where", mount.at), ("Type", mount.kind), ("Options", mount.options)];
    plan.file(&name, Text::from_source(CONFIG_PATH).section("Unit", &head).section("Mount", &body));
    plan.link(&format!("{}.requires/{name}", mount.target), &format!("../{name}"));
}

fn require(plan: &mut Plan, by: &str, unit: &str) {
    plan.pull_in(&format!("{by}.requires"), unit);
}

fn root(plan: &mut Plan) {
    mount(
        plan,
        &Mount {
            what: "rootfs",
            at: "/sysroot",
            kind: "tmpfs",
            options: "mode=0755,nr_inodes=1m,size=50%",
            description: "Ephemeral root",
            target: ROOT_TARGET,
            unit: &[],
        },
    );
}

/// Makes the verity stage wait for the two partitions that the root hash names.
fn usr_device(plan: &mut Plan, usr: &UsrHash) {
    let device = |uuid| unit::of_path(&format!("/dev/disk/by-partuuid/{uuid}"), "device");
    let (data, hash) = (device(usr.data()), device(usr.tree()));
    let settings = [("Requires", &*data), ("Requires", &*hash), ("After", &*data), ("After", &*hash)];
    let text = Text::from_source("usrhash= on the kernel command line").section("Unit", &settings);
    plan.file(&format!("{}.d/50-partitions.conf", Program::Usr.unit()), text);
    // The stage may first read all of /usr.
    patience(plan, "/dev/mapper/usr");
}

fn usr_mounts(plan: &mut Plan) {
    mount(
        plan,
        &Mount {
            what: "/dev/mapper/usr",
            at: "/sysusr/usr",
            kind: "erofs",
            options: "ro,nodev",
            description: "Verified /usr",
            target: USR_TARGET,
            unit: &[("Requires", Program::Usr.unit()), ("After", Program::Usr.unit())],
        },
    );
    mount(
        plan,
        &Mount {
            what: "/sysusr/usr",
            at: "/sysroot/usr",
            kind: "none",
            options: "bind,ro",
            description: "Verified /usr in the new root",
            target: FS_TARGET,
            unit: &[],
        },
    );
}

fn nix_store(plan: &mut Plan) {
    mount(
        plan,
        &Mount {
            what: "/sysusr/usr/nix/store",
            at: "/sysroot/nix/store",
            kind: "none",
            options: "bind,ro",
            description: "Nix store of the image",
            target: FS_TARGET,
            // Only images built with Nix have a store.
            unit: &[("After", "sysusr-usr.mount"), ("ConditionPathIsDirectory", "/sysusr/usr/nix/store")],
        },
    );
}

fn persist(plan: &mut Plan, config: &Config, flags: &Flags) {
    // A person types a recovery key slowly.
    patience(plan, "/dev/mapper/persist");
    // Loaded in parallel to the stages before: unpacking a large module takes seconds on a slow
    // machine.
    let module = format!("modprobe@{}.service", config.volume.filesystem.name());
    plan.link(&format!("initrd.target.wants/{module}"), &shipped("modprobe@.service"));
    mount(
        plan,
        &Mount {
            what: "/dev/mapper/persist",
            at: "/sysroot/persist",
            // Detected, because the volume may be older than the image, which names the file system
            // of new volumes.
            kind: "auto",
            options: "nodev",
            description: "Persistent volume",
            target: FS_TARGET,
            unit: &[("Requires", Program::Persist.unit()), ("After", Program::Persist.unit())],
        },
    );
    if flags.grow {
        let grow = "systemd-growfs@sysroot-persist.service";
        plan.link(&format!("sysroot-persist.mount.wants/{grow}"), &shipped("systemd-growfs@.service"));
    }
    config.partitions.persist.asked().for_each(|name| bind(plan, name));
}

/// Lets the mount wait for its device until the stage that makes it has ended. If the stage fails,
/// so does the mount.
fn patience(plan: &mut Plan, device: &str) {
    let text = Text::from_source(CONFIG_PATH).section("Unit", &[("JobTimeoutSec", "infinity")]);
    plan.file(&format!("{}.d/50-pattern.conf", unit::of_path(device, "device")), text);
}

fn bind(plan: &mut Plan, name: &str) {
    // Containers below /var have their own set-user-ID programs. Device nodes are never allowed.
    let options = if name == "var" { "bind,nodev" } else { "bind,nosuid,nodev" };
    mount(
        plan,
        &Mount {
            what: &format!("/sysroot/persist/root/{name}"),
            at: &format!("/sysroot/{name}"),
            kind: "none",
            options,
            description: &format!("Persisted /{name}"),
            target: FS_TARGET,
            unit: &[("Before", Program::Seed.unit())],
        },
    );
}

fn break_before(plan: &mut Plan, stage: Stage) {
    let before_the_volume = format!("{} {}", Program::Reset.unit(), Program::Persist.unit());
    let (before, after, by) = match stage {
        Stage::Usr => (Program::Usr.unit(), "systemd-udev-trigger.service", USR_TARGET),
        Stage::Grow => (Program::Grow.unit(), Program::Usr.unit(), FS_TARGET),
        Stage::Persist => (before_the_volume.as_str(), Program::Grow.unit(), FS_TARGET),
        Stage::SwitchRoot => {
            ("initrd-cleanup.service", "initrd-fs.target pattern-latch.service", "initrd.target")
        }
    };
    let order = [("Before", before), ("After", after)];
    let text = Text::from_source("pattern.break= on the kernel command line").section("Unit", &order);
    plan.file(&format!("{}.d/50-stage.conf", unit::BREAK), text);
    require(plan, by, unit::BREAK);
}

/// Lets `emergency.service` give a root shell although the root account is locked.
pub(super) fn emergency_shell(plan: &mut Plan) {
    for name in ["emergency.service", "rescue.service"] {
        let text =
            Text::from_source(CONFIG_PATH).section("Service", &[("Environment", "SYSTEMD_SULOGIN_FORCE=1")]);
        plan.file(&format!("{name}.d/50-pattern-debug.conf"), text);
    }
}
