# The base image: EFI system partition, hash tree of slot A, /usr of slot A. The first boot adds the rest.
{
  config,
  lib,
  pkgs,
  modulesPath,
  ...
}:
let
  cfg = config.pattern;
  inherit (config.image.repart.verityStore) partitionIds;
  inherit (pkgs.stdenv.hostPlatform) efiArch;
  programs = "${cfg.package}/lib/pattern";
in
{
  imports = [
    "${modulesPath}/image/repart.nix"
    "${modulesPath}/system/boot/uki.nix"
  ];

  image.repart = {
    split = true;
    verityStore.enable = true;

    partitions = {
      ${partitionIds.esp} = {
        contents = {
          "/EFI/BOOT/BOOT${lib.toUpper efiArch}.EFI".source =
            "${pkgs.systemd}/lib/systemd/boot/efi/systemd-boot${efiArch}.efi";
          "/EFI/systemd/systemd-boot${efiArch}.efi".source =
            "${pkgs.systemd}/lib/systemd/boot/efi/systemd-boot${efiArch}.efi";
        };
        repartConfig = {
          Type = "esp";
          Format = "vfat";
          SizeMinBytes = cfg.partitions.sizes.esp;
          SizeMaxBytes = cfg.partitions.sizes.esp;
          SplitName = "-";
        };
      };
      ${partitionIds.store-verity}.repartConfig = {
        SizeMinBytes = cfg.partitions.sizes.verity;
        SizeMaxBytes = cfg.partitions.sizes.verity;
        Label = "verity-${cfg.image.version}";
        VerityDataBlockSizeBytes = 4096;
        VerityHashBlockSizeBytes = 4096;
        SplitName = "verity.%U";
      };
      ${partitionIds.store} = {
        # What units and programs call by path; the store is beside it.
        contents = {
          "/lib/pattern/pattern.toml".source = cfg.toml;
          "/lib/systemd/system-generators/pattern-generator".source = "${programs}/pattern-initrd";
          "/lib/systemd/systemd-sysupdate".source = "${pkgs.systemd}/lib/systemd/systemd-sysupdate";
          "/lib/systemd/import-pubring.pgp".source = cfg.image.updates.pubring;
          "/lib/systemd/import-pubring.gpg".source = cfg.image.updates.pubring;
          "/bin/env".source = "${pkgs.coreutils}/bin/env";
          "/bin/pattern".source = "${programs}/pattern-initrd";
        }
        // lib.genAttrs (map (name: "/lib/pattern/${name}") cfg.package.stages) (path: {
          source = "${programs}/${baseNameOf path}";
        })
        # Where `pattern update` takes them from, whatever /etc has.
        // lib.optionalAttrs config.systemd.sysupdate.enable {
          "/lib/sysupdate.d".source = config.environment.etc."sysupdate.d".source;
        };
        repartConfig = {
          SizeMaxBytes = cfg.partitions.sizes.usr;
          Label = "usr-${cfg.image.version}";
          VerityDataBlockSizeBytes = 4096;
          VerityHashBlockSizeBytes = 4096;
          Minimize = "best";
          SplitName = "usr.%U";
        };
      };
    };
  };
}
