#!/bin/bash
# The module for dracut: the stages of a pattern image, in place of dracut's own ways to a root. docs/initrd.md explains each part.

pattern_toml=/usr/lib/pattern/pattern.toml

# The value of a key in pattern.toml, or else what is given.
configured() {
    local value
    value=$(sed -nE "s/#.*//; s/.*\b$1[[:space:]]*=[[:space:]]*[\"']?([a-z0-9]+).*/\1/p" "${dracutsysrootdir-}$pattern_toml")
    echo "${value:-$2}"
}

check() {
    if ! [[ -e ${dracutsysrootdir-}$pattern_toml ]]; then
        derror "pattern: ${dracutsysrootdir-}$pattern_toml is missing: the image's own file has to be there before its initrd is made"
        return 1
    fi
    require_binaries systemd-ask-password modprobe "mkfs.$(configured filesystem xfs)" || return 1
    # For images alone: only where it is asked for, as dracut.conf.d/50-pattern.conf does.
    return 255
}

depends() {
    echo systemd-initrd systemd-ask-password systemd-emergency
}

# What finds, opens and mounts /usr, and the volume's file system. All others are in /usr.
installkernel() {
    hostonly='' instmods \
        dm-crypt dm-mod dm-verity loop reed_solomon efivarfs erofs autofs4 x_tables "$(configured filesystem xfs)" \
        aacraid ahci ata_piix hpsa hv_storvsc megaraid_sas mmc_block mpt3sas mptsas mptspi nvme pci-hyperv \
        rtsx_pci_sdmmc sd_mod sdhci-acpi sdhci-pci smartpqi uas ufshcd-pci usb-storage virtio_blk virtio_mmio \
        virtio_pci virtio_scsi vmd vmw_pvscsi xen-blkfront \
        applespi ehci-pci hid-apple hid-generic hid-hyperv hid-microsoft hyperv-keyboard i2c-designware-pci \
        i2c-hid-acpi intel-lpss-acpi intel-lpss-pci ohci-pci spi-pxa2xx-platform surface_aggregator \
        surface_aggregator_registry surface_hid surface_kbd uhci-hcd usbhid xhci-pci \
        =drivers/char/tpm =arch/x86/crypto \
        af_alg algif_skcipher algif_hash cryptd crypto_simd ecb essiv xts crc32c_generic crc32c-intel
}

install() {
    inst_multiple "$pattern_toml" "/usr/lib/pattern/pattern-*" "$systemdsystemunitdir/pattern-*" \
        "$systemdutildir/system-generators/pattern-generator" \
        "mkfs.$(configured filesystem xfs)" modprobe "$systemdutildir/systemd-growfs" "$systemdsystemunitdir/systemd-growfs@.service"
    case $(configured filesystem xfs) in
        xfs) inst_multiple -o xfs_repair ;;
        ext4) inst_multiple -o e2fsck ;;
    esac
    inst_multiple -o "/usr/lib/modprobe.d/*.conf" /usr/lib/os-release
    ln -sf ../usr/lib/os-release "$initdir/etc/initrd-release"
    ln_r "$systemdsystemunitdir/initrd.target" "$systemdsystemunitdir/default.target"
    # init= names no other program.
    inst_simple "$moddir/50-init.conf" "$systemdsystemunitdir/initrd-switch-root.service.d/50-init.conf"
    mkdir -p "$initdir/sysusr/usr"
    only_our_generator
    if [[ $(configured debug false) == true ]]; then
        inst_multiple -o bash sh sulogin cat cp dd df dmesg findmnt grep head ls lsblk lsmod mkdir mount mv readlink rm stat \
            systemd-cat tail umount blkid
    else
        rm -f "$initdir$systemdsystemunitdir/debug-shell.service"
    fi
}

# The others mount what root= and the partitions say, or start what the kernel command line says.
only_our_generator() {
    local path masks=/etc/systemd/system-generators
    mkdir -p "$initdir$masks"
    for path in "${dracutsysrootdir-}$systemdutildir"/system-generators/*; do
        [[ ${path##*/} == pattern-generator ]] || ln -sf /dev/null "$initdir$masks/${path##*/}"
    done
}
