# The release of one version of the machine: `configuration` is a file of this folder.
{
  nixpkgs,
  configuration,
  keyring,
}:
let
  evaluated = import (nixpkgs + "/nixos/lib/eval-config.nix") {
    system = "x86_64-linux";
    modules = [
      ../../../nix/module
      configuration
      ({ lib, ... }: { pattern.image.updates.pubring = lib.mkForce keyring; })
    ];
  };
in
evaluated.config.pattern.release
