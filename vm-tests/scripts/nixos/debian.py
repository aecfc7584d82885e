"""Copies what Debian's packages have below /usr into the store of a tree, so that it runs from there."""

import fnmatch
import os
import re
import shutil
import subprocess
from pathlib import Path

DEBIAN = "/nix/store/dddddddddddddddddddddddddddddddd-debian"
# Where Debian's programs look, and where they do here: as long as the other, because it is in the midst of a program.
PLACES = [(f"/usr/{place}/".encode(), f"/nix/{place}/".encode()) for place in ("bin", "sbin", "lib", "share", "libexec")]
# Where Debian's systemd looks for a program that a unit names without a folder.
SEARCHED = [(b":/usr/sbin:/usr/bin\0", b":/nix/sbin:/nix/bin\0"), (b"/local/bin:/usr/bin\0", b"/local/bin:/nix/bin\0")]
LEFT_OUT = (
    "bin/*gcc* bin/*-ld* bin/ld* bin/*lto* bin/nix* lib/dracut lib/gcc libexec/gcc lib/initramfs-tools lib/modules lib/nix lib/pcrlock.d "
    "lib/python3 lib/python3.* share/bash-completion share/doc share/doc-base share/info share/lintian share/locale share/man share/nix "
    "share/python3 share/zsh"
).split()
# NixOS chooses from these by name: nothing is to be found where Debian's programs look, so they lie elsewhere.
CHOSEN = "systemd/system systemd/user udev/rules.d binfmt.d environment.d modules-load.d sysctl.d sysusers.d tmpfiles.d".split()
# The linker and the library that it is part of find each other.
UNCHANGED = ("ld-linux-x86-64.so.2", "libc.so.6")


def copy(store):
    """Copies everything, and has it look for the rest in the store."""
    to = store.at(DEBIAN)
    to.mkdir(parents=True)
    for place in ("bin", "sbin", "lib", "libexec", "share"):
        ignored = [Path(path).name for path in LEFT_OUT if path.startswith(f"{place}/")]
        top = str(store.tree / "usr" / place)
        # What Debian's packages link absolutely leads to the same place in the copy.
        leave = lambda folder, names: [n for n in names if n.endswith(".a") or folder == top and any(fnmatch.fnmatch(n, i) for i in ignored)]
        shutil.copytree(top, to / place, symlinks=True, ignore=leave)
    shutil.copytree(store.tree / "etc", to / "etc", symlinks=True)
    for file in sorted(path for path in to.rglob("*")):
        adapt(store, to, file)
    put_aside(store)


def put_aside(store):
    """Moves what NixOS chooses from by name, with its links to what is beside it."""
    for name in CHOSEN:
        at = store.at(f"{DEBIAN}/chosen/{name}")
        at.parent.mkdir(parents=True, exist_ok=True)
        if store.at(f"{DEBIAN}/lib/{name}").exists():
            store.at(f"{DEBIAN}/lib/{name}").rename(at)


def place_of(path):
    """Returns where the copy of a path below /usr is."""
    chosen = any(path.startswith(f"lib/{name}/") for name in CHOSEN)
    return f"{DEBIAN}/chosen/{path.removeprefix('lib/')}" if chosen else f"{DEBIAN}/{path}"


def give_rules(store, systemd):
    """systemd's own rules for udev need not be chosen: NixOS's systemd looks in the folder of its package."""
    shutil.copytree(store.at(f"{systemd}/lib/udev/rules.d"), store.at(f"{DEBIAN}/lib/udev/rules.d"))


def adapt(store, to, file):
    """Has a file look for others in the store."""
    if file.is_symlink():
        target = os.readlink(file)
        if target.startswith("/usr/") or target.startswith("/lib/"):
            file.unlink()
            file.symlink_to(f"{DEBIAN}/{target.removeprefix('/usr/').lstrip('/')}")
        return
    if not file.is_file():
        return
    content = file.read_bytes()
    if content.startswith(b"\x7fELF"):
        for old, new in PLACES + (SEARCHED if file.name.startswith("libsystemd-") else []):
            content = content.replace(old, new)
        file.write_bytes(content)
        patch(store, file, content)
    elif content.startswith(b"#!"):
        first, _, rest = content.partition(b"\n")
        first = re.sub(rb"/(usr/)?(bin|sbin)/", f"{DEBIAN}/bin/".encode(), first)
        file.write_bytes(first + b"\n" + rest)


def patch(store, file, content):
    """Names the linker and the libraries of the store in a program."""
    inside = "/" + str(file.relative_to(store.tree))
    # A static program needs none, and nor does the library that is the linker's other half.
    needed = patchelf(store, "--print-needed", inside).split()
    if file.name in UNCHANGED or not needed:
        return
    libraries = ":".join(f"{DEBIAN}/lib/x86_64-linux-gnu{each}" for each in ("", "/systemd"))
    words = ["--set-rpath", libraries]
    if b"/ld-linux-x86-64.so.2" in content and patchelf(store, "--print-interpreter", inside):
        words += ["--set-interpreter", f"{DEBIAN}/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"]
    patchelf(store, *words, inside)


def patchelf(store, *words):
    """Returns what it prints; what is not linked has nothing that it could print."""
    return subprocess.run(["chroot", store.tree, "patchelf", *words], capture_output=True, text=True).stdout.strip()
