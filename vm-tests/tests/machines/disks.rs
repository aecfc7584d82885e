//! Disks, by how they are connected.

use pattern_image::machine::qemu::Port;
use pattern_vm_tests::{Computer, Desk};

use crate::shop::{Row, opens_twice, starts_twice};

const BASE: Row = Row { what: "", from: Computer::new, prepare: |_| {}, end: starts_twice };

const PC: Row = Row { from: pc, ..BASE };
const FROM_HOST: Row = Row { from: pc_from_the_host, end: opens_twice, ..BASE };

machines! {
    often nvme: Row {
        what: "NVMe",
        prepare: |computer| computer.has_its_disk_at(at("", "nvme")),
        ..BASE
    };
    seldom ahci: Row {
        what: "SATA (AHCI)",
        prepare: |computer| computer.has_its_disk_at(at("", "ide-hd,bus=ide.0")),
        ..BASE
    };
    seldom virtio_scsi: Row {
        what: "virtio-scsi",
        prepare: |computer| computer.has_its_disk_at(at("virtio-scsi-pci,id=s", "scsi-hd,bus=s.0")),
        ..BASE
    };
    seldom pvscsi: Row {
        what: "VMware PVSCSI",
        prepare: |computer| {
            computer.gets_its_kernel_from_the_host("demo");
            computer.has_its_disk_at(at("pvscsi,id=s", "scsi-hd,bus=s.0"));
        },
        end: opens_twice,
        ..BASE
    };
    seldom virtio_4096: Row {
        what: "sectors of 4096 bytes (virtio), by `pattern burn`",
        from: |name| burned(name, None),
        prepare: |computer| computer.has_its_disk_at(at("", "virtio-blk-pci,logical_block_size=4096,physical_block_size=4096")),
        ..BASE
    };
    seldom nvme_4096: Row {
        what: "sectors of 4096 bytes (NVMe), by `pattern burn`",
        from: |name| burned(name, None),
        prepare: |computer| computer.has_its_disk_at(at("", "nvme,logical_block_size=4096,physical_block_size=4096")),
        ..BASE
    };
    seldom ide: Row {
        what: "IDE (PIIX), in a machine of the time",
        prepare: |computer| {
            computer.has(&["-machine", "pc"]);
            computer.has_its_disk_at(at("", "ide-hd,bus=ide.0"));
        },
        ..BASE
    };
    seldom small: Row {
        what: "one processor, 512 MiB of memory",
        prepare: |computer| computer.has_room(512, 1),
        ..BASE
    };
    seldom usb: Row {
        what: "USB mass storage, xHCI",
        prepare: |computer| computer.has_its_disk_at(Port::STICK),
        ..PC
    };
    seldom uas: Row {
        what: "USB attached SCSI",
        prepare: |computer| {
            computer.has(&["-machine", "usb=on"]);
            computer.has_its_disk_at(at("usb-uas,id=s", "scsi-hd,bus=s.0"));
        },
        ..FROM_HOST
    };
    seldom ehci: Row {
        what: "USB mass storage, EHCI",
        prepare: |computer| computer.has_its_disk_at(at("usb-ehci,id=ports", "usb-storage,bus=ports.0")),
        ..PC
    };
    seldom megaraid: Row {
        what: "MegaRAID SAS",
        prepare: |computer| computer.has_its_disk_at(at("megasas,id=s", "scsi-hd,bus=s.0")),
        ..FROM_HOST
    };
    seldom megaraid_gen2: Row {
        what: "MegaRAID SAS, second generation",
        prepare: |computer| computer.has_its_disk_at(at("megasas-gen2,id=s", "scsi-hd,bus=s.0")),
        ..FROM_HOST
    };
    seldom sd_card: Row {
        what: "an SD card (SDHCI, PCI)",
        prepare: |computer| {
            // Cards have such sizes.
            computer.enlarge("8G");
            computer.has_its_disk_at(Port { identity: false, ..at("sdhci-pci", "sd-card") });
        },
        ..FROM_HOST
    };
    seldom ufs: Row {
        what: "UFS, which has sectors of 4096 bytes, by `pattern burn`",
        from: |name| {
            let mut computer = burned(name, Some("pc"));
            computer.words("console=ttyS0");
            computer.gets_its_kernel_from_the_host("pc");
            computer
        },
        prepare: |computer| {
            computer.has_its_disk_at(Port { identity: false, ..at("ufs,id=u", "ufs-lu,bus=u") });
        },
        ..FROM_HOST
    };
}

const fn at(controller: &'static str, device: &'static str) -> Port {
    Port { controller, device, identity: true }
}

/// From a disk with sectors of 4096 bytes.
fn burned(name: &str, id: Option<&str>) -> Computer {
    let desk = Desk::new(name, 9);
    desk.burns_onto_4096(id);
    Computer::with_the_disk_of(desk)
}

/// With Debian's kernel for PCs.
fn pc(name: &str) -> Computer {
    let mut computer = Computer::of_image("pc", name);
    computer.words("console=ttyS0");
    computer
}

fn pc_from_the_host(name: &str) -> Computer {
    let mut computer = pc(name);
    computer.gets_its_kernel_from_the_host("pc");
    computer
}
