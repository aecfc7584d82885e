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
    contents = lib.genAttrs (map (name: "/usr/lib/pattern/${name}") cfg.package.stages) (path: {
      source = "${programs}/${baseNameOf path}";
    }) // {
      "/usr/lib/pattern/pattern.toml".source = cfg.toml;
      # Where systemd looks, and where pattern-config.service does.
      "/etc/systemd/system-generators/pattern-generator".source = "${programs}/pattern-initrd";
      "/usr/lib/systemd/system-generators/pattern-generator".source = "${programs}/pattern-initrd";
      # The stages mount what they open. What this generator would write for root= and the file systems, and wait for, is left out.
      "/etc/systemd/system-generators/systemd-fstab-generator".source = "/dev/null";
      "/etc/udev/rules.d/90-pattern-dm.rules".source = "${cfg.package}/lib/udev/rules.d/90-pattern-dm.rules";
    };
    storePaths = [ "${programs}/pattern-initrd" ];
    extraBin = {
      "mkfs.${cfg.volume.filesystem}" = mkfs.${cfg.volume.filesystem};
    } // repair.${cfg.volume.filesystem};
    tpm2.enable = true;
    emergencyAccess = lib.mkDefault cfg.debug;
    # pattern-usr and pattern-persist do what these are for.
    dmVerity.enable = lib.mkForce false;
    repart.enable = lib.mkForce false;
  };

  boot.initrd.kernelModules = [
    "dm_mod"
    "dm_verity"
    "dm_crypt"
    "efivarfs"
    "erofs"
    "loop"
    cfg.volume.filesystem
  ];
  boot.initrd.supportedFilesystems.${cfg.volume.filesystem} = true;

  # systemd's own generators would open /usr too; NixOS itself sets root=, for which there is nothing to find. In the running
  # system, gpt-auto mounts the EFI system partition, which updates need, and nothing else of the partition table.
  boot.kernelParams = [
    "systemd.verity=no"
    "rd.systemd.gpt_auto=no"
    "systemd.image_policy=esp=unprotected+absent:usr=verity+unprotected+absent:=ignore"
    "mount.usrfstype=erofs"
    "mount.usrflags=ro"
    "panic=30"
  ];
}
