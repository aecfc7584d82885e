# NixOS as a pattern image: docs/nix.md.
{ config, lib, ... }:
{
  imports = [
    ./options.nix
    ./toml.nix
    ./image.nix
    ./uki.nix
    ./initrd.nix
    ./system.nix
    ./updates.nix
    ./release.nix
    ./console.nix
    ./userspace/homed.nix
    ./userspace/desktop.nix
    ./userspace/distrobox.nix
    ./userspace/sandboxing.nix
    ./userspace/firmware.nix
  ];

  system.image = { inherit (config.pattern.image) id version; };
  system.nixos.distroName = lib.mkDefault "${config.pattern.image.id} ${config.pattern.image.version}";
}
