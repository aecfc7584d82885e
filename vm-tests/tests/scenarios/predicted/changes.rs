//! The changes, in the order in which they are made: what each is, and the command of the running system.

/// A sentence and a command.
pub(crate) type Change = (&'static str, &'static str);

/// Files for the initrd, and what the firmware and the boot loader keep. The firmware starts anything, and measures the kernel inside
/// the image, too.
pub(crate) const FILES: &[Change] = &[
    ("nothing", "true"),
    ("a credential", "printf one >$C/one.cred"),
    ("a second one, whose name sorts before", "printf two >$C/Two.cred"),
    ("another content of the same length", "printf eno >$C/one.cred"),
    ("a longer content", "printf 'one and more' >$C/one.cred"),
    ("an empty credential", ": >$C/empty.cred"),
    ("a large credential", "head -c 300000 /dev/zero >$C/large.cred"),
    ("an ending in capitals", "echo x >$C/capital.CRED"),
    ("a long name", "echo x >$C/$(printf 'a%.0s' $(seq 200)).cred"),
    ("another name", "mv $C/one.cred $C/uno.cred"),
    ("files that are not credentials", "echo x >$C/a.txt; echo x >$C/.b.cred; mkdir $C/d.cred"),
    ("a name that is not ASCII", "echo x >$C/\u{e4}.cred"),
    ("one credential is removed", "rm $C/large.cred"),
    ("all credentials are removed", "rm -r $C/* $C/.b.cred"),
    ("a credential for this image alone", "printf own >$X/own.cred"),
    ("credentials for both", "printf all >$C/all.cred"),
    ("a system extension", "printf raw >$X/one.raw"),
    ("a second system extension", "printf raw >$X/A.sysext.raw"),
    ("an extension of /etc", "printf conf >$X/c.confext.raw"),
    (
        "extensions for all images, which systemd 257 ignores",
        "printf raw >$G/g.raw; printf conf >$G/g.confext.raw",
    ),
    (
        "a folder for another image",
        "mkdir -p /boot/EFI/Linux/demo_9.efi.extra.d; echo x >/boot/EFI/Linux/demo_9.efi.extra.d/a.cred",
    ),
    ("a folder with the counters in its name", "mkdir -p $I+3.extra.d; echo x >$I+3.extra.d/a.cred"),
    ("all of them are removed", "rm -r $X/* $C/* $G/*"),
    ("loader.conf", "echo 'timeout 0' >>/boot/loader/loader.conf"),
    ("an entry of another system", "printf 'title x\\nlinux /none\\n' >/boot/loader/entries/x.conf"),
    ("a file that nobody measures", "echo x >/boot/loader/notes; echo x >/boot/notes"),
    ("one start of the default entry", "bootctl set-oneshot demo_0.0.1.efi"),
    ("a timeout of the boot menu", "bootctl set-timeout 3"),
    ("another random seed", "bootctl random-seed"),
    (
        "an entry of the firmware's boot manager that nobody starts",
        "printf '\\7\\0\\0\\0\\1\\0\\0\\0\\4\\0x\\0\\0\\0\\177\\377\\4\\0' >$V/Boot0009-$M",
    ),
    (
        "another order of the boot manager",
        "mutable $V/BootOrder-$M; (cat $V/BootOrder-$M; printf '\\11\\0') >/run/order; cat /run/order >$V/BootOrder-$M",
    ),
    ("an older boot loader", "cp $P/loader.efi /boot/EFI/BOOT/BOOTX64.EFI"),
    ("the boot loader of the image again", "cp $P/first-loader.efi /boot/EFI/BOOT/BOOTX64.EFI"),
];

/// Add-ons, for the same firmware.
pub(crate) const ADD_ONS: &[Change] = &[
    ("an add-on with words", "cp $P/word.addon.efi $A"),
    ("a second one with space around its words", "cp $P/other.addon.efi $A"),
    ("one that sorts before", "cp $P/first.addon.efi $A"),
    ("one beside the image", "cp $P/first.addon.efi $X/z.addon.efi"),
    ("words that are not ASCII", "cp $P/wide.addon.efi $X"),
    ("an add-on that nobody signed", "cp $P/word.unsigned $A/unsigned.addon.efi"),
    ("a file that is not a program", "echo no >$A/junk.addon.efi"),
    ("an add-on for another kernel", "cp $P/foreign.addon.efi $A"),
    ("an add-on with nothing that counts", "cp $P/nothing.addon.efi $A"),
    ("a kernel image named as an add-on", "cp $I $A/image.addon.efi"),
    ("an ending in capitals", "mv $A/word.addon.efi $A/x; mv $A/x $A/word.ADDON.EFI"),
    ("an add-on without the ending", "cp $P/word.addon.efi $A/word.efi"),
    ("two add-ons are removed", "rm $A/other.addon.efi $X/z.addon.efi"),
    ("all add-ons are removed", "rm $A/* $X/*"),
];

pub(crate) const PARTS: &[Change] = &[
    ("an add-on with a part of the initrd", "cp $P/initrd.addon.efi $A"),
    ("an add-on with microcode", "cp $P/ucode.addon.efi $A"),
    ("an add-on with all parts, beside the image", "cp $P/all.addon.efi $X"),
    ("a credential beside the add-ons", "printf one >$C/one.cred"),
    ("they are removed, and the words stay", "rm $A/* $C/*"),
    ("the last one is removed", "rm $X/*"),
];

/// The firmware checks signatures. Changes of its keys stay.
pub(crate) const WITH_SECURE_BOOT: &[Change] = &[
    ("nothing, with Secure Boot", "true"),
    ("an add-on with words, and a credential", "cp $P/word.addon.efi $A; printf one >$C/one.cred"),
    (
        "add-ons that nobody signed, or that are not programs",
        "cp $P/other.unsigned $A/unsigned.addon.efi; echo no >$A/junk.addon.efi",
    ),
    ("another boot loader", "cp $P/loader.efi /boot/EFI/BOOT/BOOTX64.EFI"),
    ("all of them are removed", "rm $A/* $C/*"),
    ("one more hash in dbx", "cat $P/dbx.auth >$V/dbx-d719b2cb-3d3a-4596-a3bc-dad00e67656f"),
    (
        "one more certificate in db",
        "mutable $V/db-d719b2cb-3d3a-4596-a3bc-dad00e67656f; cat $P/db.auth >$V/db-d719b2cb-3d3a-4596-a3bc-dad00e67656f",
    ),
    ("the kernel image signed by that certificate", "cp $P/image.efi $I"),
    ("an add-on signed by the first one", "cp $P/word.addon.efi $A"),
    ("it is removed", "rm $A/*"),
    ("the kernel image signed by the first one again", "cp $P/first-image.efi $I"),
];
