# A double of the package set: a package is a path in the store that nobody built.
{ lib }:
let
  package = name: {
    inherit name;
    outPath = "/nix/store/00000000000000000000000000000000-${name}";
    type = "derivation";
  };
  # TOML takes JSON's strings, numbers, booleans and arrays.
  toml =
    prefix: set:
    builtins.concatStringsSep "" (
      map (
        name:
        let
          value = set.${name};
        in
        if builtins.isAttrs value then
          toml "${prefix}${name}." value
        else
          "${prefix}${name} = ${builtins.toJSON value}\n"
      ) (builtins.attrNames set)
    );
  names = [
    "bash"
    "btrfs-progs"
    "bubblewrap"
    "coreutils"
    "cryptsetup"
    "diffutils"
    "distrobox"
    "e2fsprogs"
    "gawk"
    "gnome-console"
    "gnome-tour"
    "gnupgMinimal"
    "jq"
    "systemd"
    "xdg-dbus-proxy"
    "systemdUkify"
    "xfsprogs"
  ];
  packages = builtins.listToAttrs (
    map (name: {
      inherit name;
      value = package name;
    }) names
  );
in
packages
// {
  buildPackages = packages;
  stdenv.buildPlatform.canExecute = _: true;
  stdenv.hostPlatform = {
    efiArch = "x64";
    isx86_64 = true;
    linuxArch = "x86_64";
    system = "x86_64-linux";
  };
  formats.toml = _: {
    type = lib.types.attrs;
    generate = name: value: package name // { text = toml "" value; };
  };
  runCommand =
    name: environment: script:
    package name // environment // { inherit environment script; };
  callPackage =
    file: _:
    package (if baseNameOf file == "fetch.nix" then "pattern-fetch" else "pattern")
    // {
      inherit (import ../../packages/stages.nix) stages;
      inherit file;
    };
}
