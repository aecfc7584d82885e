# The initrd: our programs, units and generator, and what they need of the kernel. They open /usr, make and open the volume and
# mount what is kept, so what NixOS would do of that is left out.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.pattern;
  programs = "${cfg.package}/lib/pattern";
  hardware = import ./modules.nix;
  mkfs = {
    xfs = "${pkgs.xfsprogs}/bin/mkfs.xfs";
    ext4 = "${pkgs.e2fsprogs}/bin/mkfs.ext4";
    btrfs = "${pkgs.btrfs-progs}/bin/mkfs.btrfs";
  };
  repair = {
    xfs.xfs_repair = "${pkgs.xfsprogs}/bin/xfs_repair";
    ext4.e2fsck = "${pkgs.e2fsprogs}/bin/e2fsck";
    btrfs = { };
  };
in
{
  boot.initrd.systemd = {
    enable = true;
    units = import ../units.nix;
    contents =
      lib.genAttrs (map (name: "/usr/lib/pattern/${name}") cfg.package.stages) (path: {
        source = "${programs}/${baseNameOf path}";
      })
      // {
        "/usr/lib/pattern/pattern.toml".source = cfg.toml;
        # Where systemd looks, and where pattern-config.service does.
        "/etc/systemd/system-generators/pattern-generator".source = "${programs}/pattern-initrd";
        "/usr/lib/systemd/system-generators/pattern-generator".source = "${programs}/pattern-initrd";
        # The stages mount what they open. What this generator would write for root= and the file systems, and wait for, is left out.
        "/etc/systemd/system-generators/systemd-fstab-generator".source = "/dev/null";
      };
    storePaths = [
      "${programs}/pattern-initrd"
      "${config.boot.initrd.systemd.package}/lib/systemd/systemd-growfs"
    ];
    # Our units are ordered before the first one, and start an instance of the second one for `pattern.grow`.
    additionalUpstreamUnits = [
      "initrd-usr-fs.target"
      "systemd-growfs@.service"
    ];
    extraBin = {
      "mkfs.${cfg.volume.filesystem}" = mkfs.${cfg.volume.filesystem};
    }
    // repair.${cfg.volume.filesystem};
    tpm2.enable = true;
    emergencyAccess = lib.mkDefault cfg.debug;
    # pattern-usr and pattern-persist do what these are for.
    dmVerity.enable = lib.mkForce false;
    repart.enable = lib.mkForce false;
  };

  # NixOS gives all rules of the initrd as one folder, in which nothing can be added by path.
  boot.initrd.services.udev.packages = [ cfg.package ];
  # libdevmapper waits until udev's rules of LVM have seen each device, if udev runs.
  boot.initrd.services.lvm.enable = true;

  boot.initrd.availableKernelModules = lib.optionals pkgs.stdenv.hostPlatform.isx86_64 (
    hardware.disks ++ hardware.keyboards
  );
  # aes-xts and the hashes: dm-crypt asks for them by name when it opens the volume, and they are no dependency of its module.
  boot.initrd.luks.forceLuksSupportInInitrd = true;
  boot.initrd.kernelModules = [
    "dm_mod"
    "dm_verity"
    "dm_crypt"
    "efivarfs"
    "erofs"
    "loop"
    cfg.volume.filesystem
  ];
  # In the initrd a file system is supported only if it is in the running system, too.
  boot.initrd.supportedFilesystems.${cfg.volume.filesystem} = true;
  boot.supportedFilesystems.${cfg.volume.filesystem} = true;

  # systemd's own generators would open /usr too; NixOS itself sets root=, for which there is nothing to find. In the running
  # system, gpt-auto mounts the EFI system partition, which updates need, and nothing else of the partition table.
  boot.kernelParams = [
    "systemd.verity=no"
    "rd.systemd.gpt_auto=no"
    "systemd.image_policy=esp=unprotected+absent:usr=verity+unprotected+absent:=ignore"
    "mount.usrfstype=erofs"
    "mount.usrflags=ro"
    # A cut can tear the first partition table: the kernel then reads the second one.
    "gpt"
    "panic=30"
  ];
}
