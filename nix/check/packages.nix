# What the flake has, with a checkout of nixpkgs in the place of its input.
{ nixpkgs }:
let
  flake = import ../../flake.nix;
  system = "x86_64-linux";
  pkgs = import nixpkgs {
    inherit system;
    config = { };
    overlays = [ outputs.overlays.default ];
  };
  self = outputs // {
    outPath = ../..;
  };
  outputs = flake.outputs {
    inherit self;
    nixpkgs = {
      outPath = nixpkgs;
      legacyPackages.${system} = pkgs;
      lib = pkgs.lib // {
        nixosSystem = arguments: import (nixpkgs + "/nixos/lib/eval-config.nix") arguments;
      };
    };
  };
  packages = outputs.packages.${system};
  derivation = package: builtins.unsafeDiscardStringContext package.drvPath;
in
{
  derivations = builtins.mapAttrs (_: derivation) (
    packages
    // outputs.checks.${system}
    // {
      formatter = outputs.formatter.${system};
      shell = outputs.devShells.${system}.default;
      overlay = pkgs.pattern-programs;
      overlay-fetch = pkgs.pattern-fetch;
    }
  );
  # The test driver has its own file systems for a machine, unless it is told otherwise.
  mounts = builtins.attrNames outputs.checks.${system}.boots.nodes.machine.fileSystems;
  firmware = {
    plain = packages.pattern.plain.buildFlags;
    secure = packages.pattern.secure.buildFlags;
  };
  static = (pkgs.pkgsStatic.callPackage ../packages/tpm2-tss.nix { }).configureFlags;
  run-demo = builtins.unsafeDiscardStringContext packages.run-demo.text;
}
