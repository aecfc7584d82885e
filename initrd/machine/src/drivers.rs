//! Loads the drivers of devices, in an initrd without udev. Each device has an alias in sysfs, and
//! `modprobe` knows which module has it (modprobe(8), modules.alias).
//!
//! The kernel sends an event for each new device. The content of an event is not used: it only says
//! that it is time to look again.

mod events;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::initrd;
use events::Events;

const BUSES: &str = "/sys/bus";
const MODPROBE: &str = "modprobe";
/// The bus where a device with a driver may still need another: a keyboard's own in place of the
/// general one.
const SERVED_AGAIN: &str = "hid";
/// Classes of PCI devices that wait for the system's udev: network, display, multimedia, wireless. A
/// display's driver that does not find its firmware takes the console away.
const FOR_THE_SYSTEM: [&str; 4] = ["bc02", "bc03", "bc04", "bc0D"];
const KERNEL_LOG: &str = "/dev/kmsg";
/// How often somebody who follows the devices looks whether to stop.
const PAUSE: Duration = Duration::from_millis(200);

/// The devices of this machine, and the drivers that were asked for.
#[derive(Debug)]
pub struct Drivers {
    events: Events,
    buses: PathBuf,
    /// The aliases for which a driver was looked for. Most have none here.
    asked: BTreeSet<String>,
}

impl Drivers {
    /// Begins to listen, so that no device is missed from here on.
    ///
    /// # Errors
    /// When the kernel refuses the socket.
    pub fn listen() -> Result<Self> {
        let events = Events::listen().context("listening to the kernel's events")?;
        Ok(Self { events, buses: BUSES.into(), asked: BTreeSet::new() })
    }

    /// Begins to load the drivers of all devices that are new since the last call. This does not
    /// wait: a driver that looks for its disks in vain takes its time, and an event tells of what
    /// another one found.
    pub fn load(&mut self) -> Vec<Child> {
        let new: Vec<String> = aliases(&self.buses).difference(&self.asked).cloned().collect();
        let mut kinds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        new.iter().for_each(|alias| kinds.entry(kind(alias)).or_default().push(alias));
        let failed = |error| log::warn!("starting {MODPROBE}: {error}");
        let started = kinds.into_values().filter_map(|aliases| start(aliases).map_err(failed).ok());
        let started = started.collect();
        self.asked.extend(new);
        started
    }

    /// Waits for a new device, at most until `deadline`. Returns whether there may be one.
    ///
    /// # Errors
    /// When the kernel fails.
    pub fn wait(&self, deadline: Instant) -> Result<bool> {
        let left = deadline.saturating_duration_since(Instant::now());
        self.events.wait(left).context("waiting for the kernel's events")
    }
}

/// A device without a driver here is not an error, and a blacklisted driver stays out.
fn start<'a>(names: impl IntoIterator<Item = &'a str>) -> io::Result<Child> {
    let log = OpenOptions::new().write(true).open(KERNEL_LOG).map_or_else(|_| Stdio::null(), Stdio::from);
    let mut command = Command::new(MODPROBE);
    command.args(["--all", "--quiet", "--use-blacklist", "--"]).args(names);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn()
}

/// Loads the drivers of all devices that are there, before a shell.
///
/// # Errors
/// When the kernel refuses to tell of devices.
pub fn load_all() -> Result<()> {
    for mut modprobe in Drivers::listen()?.load() {
        modprobe.wait().with_context(|| format!("waiting for {MODPROBE}"))?;
    }
    Ok(())
}

/// Begins to load modules, one after the other, by their names or aliases.
///
/// # Errors
/// When `modprobe` can't be started.
pub fn begin(modules: &[&str]) -> Result<Child> {
    start(modules.iter().copied()).with_context(|| format!("starting {MODPROBE}"))
}

/// Loads drivers in the background until this is dropped: somebody is asked, and may plug a
/// keyboard in.
#[derive(Debug)]
pub struct Follower {
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

/// Follows the devices in an initrd. In the running system udev does so.
#[must_use]
pub fn follow() -> Option<Follower> {
    if !initrd::is_here() {
        return None;
    }
    begin_to_follow().inspect_err(|error| log::warn!("looking for keyboards: {error:#}")).ok()
}

fn begin_to_follow() -> Result<Follower> {
    let mut drivers = Drivers::listen()?;
    drivers.load();
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    let follow = move || {
        while !told.load(Ordering::Relaxed) {
            match drivers.wait(Instant::now() + PAUSE) {
                Ok(true) => drop(drivers.load()),
                Ok(false) => {}
                Err(_) => return,
            }
        }
    };
    // Not `thread::spawn`, which panics where the system has no room for a thread.
    let thread = thread::Builder::new().spawn(follow).context("starting a thread")?;
    Ok(Follower { stop, thread: Some(thread) })
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing to say here.
            thread.join().ok();
        }
    }
}

/// Returns what drivers are loaded one after the other: a class of PCI devices, or all devices of
/// another bus. One driver waits for the links of its disks, another has found its disk by then.
fn kind(alias: &str) -> &str {
    let (bus, rest) = alias.split_once(':').unwrap_or((alias, ""));
    // pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01 (file2alias.c of the kernel).
    let class = rest.rfind("bc").filter(|_| bus == "pci").and_then(|at| rest.get(at..));
    class.unwrap_or(bus)
}

/// Returns the aliases of all devices below `/sys/bus` that may need a driver.
fn aliases(buses: &Path) -> BTreeSet<String> {
    let below = |path: &Path| fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let devices = below(buses).flat_map(|bus| below(&bus.join("devices")).collect::<Vec<_>>());
    let alias = |device: PathBuf| {
        let served = device.join("driver").exists();
        let alias = alias(&fs::read_to_string(device.join("uevent")).ok()?)?;
        let kind = kind(&alias);
        let later = FOR_THE_SYSTEM.iter().any(|class| kind.starts_with(class));
        (!later && (!served || kind == SERVED_AGAIN)).then_some(alias)
    };
    devices.filter_map(alias).collect()
}

fn alias(uevent: &str) -> Option<String> {
    let alias = uevent.lines().find_map(|line| line.strip_prefix("MODALIAS="))?;
    (!alias.is_empty()).then(|| alias.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_alias_that_may_need_a_driver_is_found_once() {
        let buses = std::env::temp_dir().join(format!("pattern-drivers-{}", std::process::id()));
        for (device, uevent) in [
            ("virtio/devices/virtio0", "MODALIAS=virtio:d00000002v00001AF4\n"),
            ("virtio/devices/virtio1", "MODALIAS=virtio:d00000002v00001AF4\n"),
            ("hid/devices/0003:046D", "DRIVER=hid-generic\nMODALIAS=hid:b0003g0001v0000046D\n"),
            ("virtio/devices/virtio2", "DRIVER=virtio_rng\nMODALIAS=virtio:d00000004v00001AF4\n"),
            ("pci/devices/0000:00:00.0", "PCI_ID=8086:29C0\nMODALIAS=pci:v00008086\n"),
            ("pci/devices/0000:00:02.0", "MODALIAS=pci:v00008086d00009A49sv0sd0bc03sc00i00\n"),
            ("platform/devices/none", "MODALIAS=\n"),
            ("clockevents/devices/broadcast", ""),
        ] {
            fs::create_dir_all(buses.join(device)).unwrap();
            fs::write(buses.join(device).join("uevent"), uevent).unwrap();
        }
        fs::create_dir_all(buses.join("empty")).unwrap();
        for served in ["virtio/devices/virtio2", "hid/devices/0003:046D"] {
            fs::create_dir(buses.join(served).join("driver")).unwrap();
        }
        let found = aliases(&buses);
        assert!(
            found.iter().eq(["hid:b0003g0001v0000046D", "pci:v00008086", "virtio:d00000002v00001AF4"]),
            "{found:?}"
        );
        assert!(aliases(Path::new("/nonexistent")).is_empty());
        fs::remove_dir_all(buses).unwrap();
    }

    #[test]
    fn disks_of_one_kind_do_not_wait_for_those_of_another() {
        let sata = "pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01";
        let nvme = "pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02";
        assert_eq!((kind(sata), kind(nvme)), ("bc01sc06i01", "bc01sc08i02"));
        assert_eq!(kind("virtio:d00000002v00001AF4"), "virtio");
        assert_eq!((kind("mmc:block"), kind("pci:odd"), kind("odd"), kind("")), ("mmc", "pci", "odd", ""));
    }

    #[test]
    fn the_running_system_has_udev_for_that() {
        assert!(follow().is_none());
    }
}
