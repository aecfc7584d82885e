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
  systemd = config.systemd.package;
in
{
  imports = [
    "${modulesPath}/image/repart.nix"
    "${modulesPath}/system/boot/uki.nix"
  ];

  options.pattern.usr = lib.mkOption {
    type = lib.types.package;
    readOnly = true;
    internal = true;
    description = "What units and programs call by path.";
  };

  # As in `pattern build`: the program once, and links to it.
  config.pattern.usr = pkgs.runCommand "pattern-usr" { } ''
    mkdir -p $out/bin $out/lib/systemd/system-generators $out/libexec
    cp -r ${cfg.package}/lib/pattern $out/lib/pattern
    chmod u+w $out/lib/pattern
    cp ${cfg.toml} $out/lib/pattern/pattern.toml
    ln -s ../../pattern/pattern-initrd $out/lib/systemd/system-generators/pattern-generator
    ln -s ../lib/pattern/pattern-initrd $out/bin/pattern
    ln -s ${cfg.fetch}/libexec/pattern-fetch $out/libexec/pattern-fetch
    cp ${pkgs.coreutils}/bin/env $out/bin/env
  '';

  config.image.repart = {
    split = true;
    verityStore.enable = true;
    # The blocks of dm-verity. From the sectors of the disk mkfs takes 512, and the kernel mounts no such file system on the other.
    mkfsOptions.erofs = [ "-b4096" ];

    partitions = {
      ${partitionIds.esp} = {
        contents = {
          "/EFI/BOOT/BOOT${lib.toUpper efiArch}.EFI".source =
            "${systemd}/lib/systemd/boot/efi/systemd-boot${efiArch}.efi";
          "/EFI/systemd/systemd-boot${efiArch}.efi".source =
            "${systemd}/lib/systemd/boot/efi/systemd-boot${efiArch}.efi";
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
        # Where the link in /usr leads: nothing else of the system names it.
        storePaths = [ cfg.fetch ];
        # What units and programs call by path; the store is beside it. Folders, because systemd-repart copies the file that a link
        # leads to, and makes a link only of one that is in a folder: the program has thirteen names.
        contents = {
          "/bin".source = "${cfg.usr}/bin";
          "/lib/pattern".source = "${cfg.usr}/lib/pattern";
          "/lib/systemd/system-generators".source = "${cfg.usr}/lib/systemd/system-generators";
          "/libexec".source = "${cfg.usr}/libexec";
          "/lib/systemd/systemd-sysupdate".source = "${systemd}/lib/systemd/systemd-sysupdate";
          "/lib/systemd/import-pubring.pgp".source = cfg.image.updates.pubring;
          "/lib/systemd/import-pubring.gpg".source = cfg.image.updates.pubring;
        }
        # Where `pattern update` takes them from, whatever /etc has: one file each in today's NixOS, one folder in an older one.
        //
          lib.mapAttrs'
            (name: file: {
              name = "/lib/${name}";
              value = { inherit (file) source; };
            })
            (
              lib.filterAttrs (name: _: builtins.match "sysupdate\\.d(/.*)?" name != null) config.environment.etc
            );
        repartConfig = {
          SizeMaxBytes = cfg.partitions.sizes.usr;
          Label = "usr-${cfg.image.version}";
          VerityDataBlockSizeBytes = 4096;
          VerityHashBlockSizeBytes = 4096;
          Compression = "lz4hc";
          CompressionLevel = 9;
          Minimize = "best";
          SplitName = "usr.%U";
        };
      };
    };
  };
}
