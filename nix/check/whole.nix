# What the whole of NixOS makes of one configuration: `nixpkgs` is a checkout of it. Names of derivations are computed, and
# nothing is built or written. `make nix` compares this with what an image needs.
{
  nixpkgs,
  configuration,
  system ? "x86_64-linux",
}:
let
  evaluated = import (nixpkgs + "/nixos/lib/eval-config.nix") {
    inherit system;
    modules = [
      ../module
      configuration
    ];
  };
  inherit (evaluated) config pkgs;
  inherit (pkgs) lib;
  initrd = config.boot.initrd.systemd;
  # An older NixOS has another name for the image that holds its own kernel image.
  image =
    if config.image.repart ? image then config.system.build.image else config.system.build.finalImage;
  names = map lib.getName;
  text = value: builtins.unsafeDiscardStringContext (toString value);
in
{
  versions = {
    nixpkgs = lib.version;
    systemd = config.systemd.package.version;
    kernel = config.boot.kernelPackages.kernel.version;
    rustc = pkgs.rustc.version;
  };
  derivations = lib.mapAttrs (_: each: text each.drvPath) {
    inherit (config.system.build) toplevel uki;
    inherit (config.pattern)
      fetch
      package
      release
      toml
      ;
  };
  failed = map (each: each.message) (builtins.filter (each: !each.assertion) config.assertions);
  inherit (config) warnings;
  words = config.boot.kernelParams;
  inherit (config.pattern) settings;

  initrd = {
    # What make-initrd-ng lays out: nothing may lie below a link to a folder of the store.
    targets = builtins.attrNames (lib.filterAttrs (_: each: each.enable) initrd.contents);
    units = builtins.attrNames initrd.units;
    # The script that links them has the names of systemd's own.
    scripts = text initrd.contents."/etc/systemd/system".source.buildCommand;
    modules = config.boot.initrd.availableKernelModules ++ config.boot.initrd.kernelModules;
    rules = map text config.boot.initrd.services.udev.packages;
    storePaths = map (each: text (each.source or each)) initrd.storePaths;
    programs = builtins.attrNames initrd.extraBin;
    packages = names initrd.initrdBin;
    contents = builtins.fromJSON (text config.system.build.initialRamdisk.contentsJSON);
  };

  system = {
    packages = names config.environment.systemPackages;
    files = builtins.attrNames config.environment.etc;
    updaters = names config.systemd.services.systemd-sysupdate.path;
    usrbinenv =
      config.system.activationScripts.usrbinenv.text or config.system.activationScripts.usrbinenv;
    users = builtins.attrNames config.users.users;
    mounts = builtins.attrNames config.fileSystems;
    repairs = names config.system.fsPackages;
  };

  # The scripts of what systemd-repart copies, and of the release that is made of its files.
  scripts = {
    package = config.pattern.package.postInstall;
    usr = text config.pattern.usr.buildCommand;
    release = text config.pattern.release.buildCommand;
    kernelImage = text config.system.build.uki.buildCommand;
  };

  package = {
    name = text config.pattern.package;
    static = config.pattern.package.stdenv.hostPlatform.isStatic;
    libraries = names config.pattern.package.buildInputs;
  };
  fetch = text config.pattern.fetch;

  # NixOS makes the image twice: without an EFI system partition, for the root hash, and then with one.
  repart = {
    intermediate = map text config.system.build.intermediateImage.systemdRepartFlags;
    final = map text image.systemdRepartFlags;
    esp = lib.mapAttrs (
      _: content: text content.source
    ) image.finalPartitions.${config.image.repart.verityStore.partitionIds.esp}.contents;
  };
  inherit (config.systemd.sysupdate) transfers;
  ukify = lib.mapAttrs (_: text) config.boot.uki.settings.UKI;
  seed = config.image.repart.seed;
  partitions = lib.mapAttrs (_: each: {
    contents = lib.mapAttrs (_: content: text "${content.source}") each.contents;
    storePaths = map text each.storePaths;
    inherit (each) repartConfig;
  }) config.image.repart.partitions;
}
