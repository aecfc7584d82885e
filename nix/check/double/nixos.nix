# What of NixOS the module reads, and the lists that several of its files add to.
{ config, lib, ... }:
let
  list = lib.mkOption { type = lib.types.listOf lib.types.anything; };
in
{
  options = {
    assertions = list;
    boot.initrd.availableKernelModules = list;
    boot.initrd.services.udev.packages = list;
    boot.kernelParams = list;
    boot.initrd.kernelModules = list;
    environment.systemPackages = list;
    image.repart.partitions = lib.mkOption { type = lib.types.attrs; };
    image.repart.verityStore.partitionIds = lib.mkOption {
      type = lib.types.attrs;
      default = {
        esp = "00-esp";
        store-verity = "10-store-verity";
        store = "20-store";
      };
    };
  };

  config = {
    boot.initrd.luks.devices = { };
    image.repart.image = "/nix/store/00000000000000000000000000000000-image";
    boot.uki.configFile = "/nix/store/00000000000000000000000000000000-ukify.conf";
    system.boot.loader.ukiFile = lib.mkDefault "uki.efi";
    boot.initrd.systemd.package = config.systemd.package;
    # One file for each transfer, as today's NixOS has it.
    environment.etc = lib.mapAttrs' (name: _: {
      name = "sysupdate.d/${name}.transfer";
      value.source = "/nix/store/00000000000000000000000000000000-${name}.transfer";
    }) config.systemd.sysupdate.transfers;
    systemd.package.outPath = "/nix/store/00000000000000000000000000000000-systemd";
    system.build = {
      image = "/nix/store/00000000000000000000000000000000-image";
      intermediateImage = "/nix/store/00000000000000000000000000000000-intermediate";
      toplevel = "/nix/store/00000000000000000000000000000000-toplevel";
    };
  };
}
