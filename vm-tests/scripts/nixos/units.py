"""Units and rules of Debian's packages as nixpkgs has them: copies that name programs in the store."""

import os
import re

from debian import DEBIAN

MOVED = ("binfmt.d", "modules-load.d", "sysctl.d", "sysusers.d", "tmpfiles.d")


def of_systemd(store, out):
    """Moves what NixOS chooses units and settings from: its systemd does not look there."""
    at = store.at(out)
    (at / "example/systemd").mkdir(parents=True)
    for name in MOVED:
        if (at / "lib" / name).exists():
            (at / "lib" / name).rename(at / "example" / name)
    for name in ("system", "user"):
        (at / "lib/systemd" / name).rename(at / "example/systemd" / name)
        for link in (at / "example/systemd" / name).rglob("*"):
            if link.is_symlink():
                unit(store, out, link)


def unit(store, out, link):
    source = store.at(os.readlink(link))
    link.unlink()
    if source.is_symlink():
        target = os.readlink(source)
        link.symlink_to(target if not target.startswith(DEBIAN) else f"{out}/example/systemd/{target.split('/lib/systemd/')[-1]}")
    else:
        link.write_text(programs(store, out, source.read_text()))


def of_package(store, out, bin):
    """Has units and rules of one package name programs in the store. Rules name those of the output `bin`."""
    for folder in ("lib/systemd/system", "lib/systemd/user"):
        for link in store.at(f"{out}/{folder}").rglob("*"):
            if link.is_symlink() and store.at(os.readlink(link)).is_file():
                text = programs(store, out, store.at(os.readlink(link)).read_text())
                link.unlink()
                link.write_text(text)
    for link in store.at(f"{out}/lib/udev/rules.d").glob("*"):
        text = store.at(os.readlink(link)).read_text().replace("/usr/lib/udev/", f"{out}/lib/udev/")
        link.unlink()
        link.write_text(re.sub(r"(?<![a-z])/(?:usr/)?s?bin/([a-z0-9_-]+)", lambda found: place(store, out, bin, found.group(1)) or found.group(0), text))


def place(store, out, bin, program):
    """Returns where a program is: in the package itself, or in another one of Debian."""
    # The output with the programs may be made later.
    if store.at(f"{out}/bin/{program}").is_symlink():
        return f"{bin}/bin/{program}"
    return next((at for at in (f"{DEBIAN}/{folder}/{program}" for folder in ("bin", "sbin")) if store.at(at).exists()), None)


def programs(store, out, text):
    """Names a package's own programs by its path, and others as systemd finds them: the initrd has them in a folder of its own."""
    def replaced(found):
        start, name = found.groups()
        own = f"{out}/bin/{name}"
        return start + (own if store.at(own).is_symlink() else name)

    text = text.replace("/usr/lib/systemd/", f"{out}/lib/systemd/")
    text = re.sub(r"^(ConditionPathExists=)/usr/bin/", r"\1/nix/bin/", text, flags=re.MULTILINE)
    return re.sub(r"(^Exec[A-Za-z]*=[-@:+!|]*)(?:/(?:usr/)?s?bin/)?([a-z0-9_-]+)(?=\s|$)", replaced, text, flags=re.MULTILINE)
