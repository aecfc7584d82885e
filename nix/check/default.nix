# Evaluates the module for one configuration. `nixpkgsLib` is the lib/ folder of a checkout of nixpkgs; without it, a double of
# the few functions that the module calls. The package set and NixOS itself are doubles in either case.
{
  nixpkgsLib ? null,
  configuration ? ./reference-demo.nix,
}:
let
  lib = import (if nixpkgsLib == null then ./double/lib.nix else nixpkgsLib);
  pkgs = import ./double/pkgs.nix { inherit lib; };
  # Options of NixOS are not declared here: they take what the module gives them.
  undeclared =
    if nixpkgsLib == null then
      { }
    else
      { _module.freeformType = lib.types.lazyAttrsOf lib.types.anything; };
  evaluated = lib.evalModules {
    specialArgs = {
      inherit lib pkgs;
      modulesPath = toString ./double/nixos;
    };
    modules = [
      ../module
      ./double/nixos.nix
      undeclared
      configuration
    ];
  };
  inherit (evaluated) config;

  # The options of pattern.toml, and Nix's own.
  collect =
    path: tree:
    builtins.concatMap (
      name:
      let
        option = tree.${name};
        here = path ++ [ name ];
      in
      if option._type or "" != "option" then
        collect here option
      else
        [
          {
            path = builtins.concatStringsSep "." here;
            description = option.description or "";
            internal = option.internal or false;
            required = !(option ? default || option ? defaultText);
            # In words, where it is no plain value.
            words = option.defaultText.text or null;
            default = if option ? defaultText || !(option ? default) then null else option.default;
            hasExample = option ? example;
          }
        ]
    ) (builtins.attrNames tree);
in
{
  lib = if nixpkgsLib == null then "the double of lib" else "nixpkgs' lib";
  options = collect [ ] evaluated.options.pattern;
  toml = config.pattern.toml.unchecked.text;
  failed = map (each: each.message) (builtins.filter (each: !each.assertion) config.assertions);
  transfers = config.systemd.sysupdate.transfers;
  initrd = {
    inherit (config.boot.initrd.systemd) repart dmVerity;
    units = builtins.mapAttrs (_: unit: unit.text) config.boot.initrd.systemd.units;
    files = builtins.mapAttrs (_: file: toString file.source) config.boot.initrd.systemd.contents;
    upstream = config.boot.initrd.systemd.additionalUpstreamUnits;
    rules = map toString config.boot.initrd.services.udev.packages;
    modules = config.boot.initrd.availableKernelModules ++ config.boot.initrd.kernelModules;
    answers = config.boot.initrd.services.lvm.enable;
    encrypts = config.boot.initrd.luks.forceLuksSupportInInitrd;
  };
  filesystems = {
    initrd = config.boot.initrd.supportedFilesystems;
    system = config.boot.supportedFilesystems;
  };
  partitions = builtins.mapAttrs (
    _: partition: partition.repartConfig
  ) config.image.repart.partitions;
  contents = builtins.mapAttrs (
    _: partition: builtins.mapAttrs (_: content: toString content.source) (partition.contents or { })
  ) config.image.repart.partitions;
  # What is in the store without being part of NixOS's system, and the script of what lies beside it.
  stored = map toString config.image.repart.partitions."20-store".storePaths;
  usr = config.pattern.usr.script;
  kernelParams = config.boot.kernelParams;
  systemPackages = map (package: package.name) config.environment.systemPackages;
  updaters = map (package: package.name) config.systemd.services.systemd-sysupdate.path;
  mkfs = config.image.repart.mkfsOptions;
  suppressed = config.systemd.suppressedSystemUnits;
  usrbinenv = config.system.activationScripts.usrbinenv;
  kernelImage = config.system.build.uki.script;
  checked = config.pattern.toml.script;
  release = {
    inherit (config.pattern.release) name script;
  };
}
