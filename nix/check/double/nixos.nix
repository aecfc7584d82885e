# What of NixOS the module reads, and the lists that several of its files add to.
{ lib, ... }:
let
  list = lib.mkOption { type = lib.types.listOf lib.types.anything; };
in
{
  options = {
    assertions = list;
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
    system.boot.loader.ukiFile = lib.mkDefault "uki.efi";
    system.build = {
      finalImage = "/nix/store/00000000000000000000000000000000-image";
      uki = "/nix/store/00000000000000000000000000000000-uki";
    };
  };
}
