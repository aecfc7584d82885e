# The configuration as the programs read it: the options without those that are Nix's own.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.pattern;
  file = pkgs.formats.toml { };
  runs = pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform;
in
{
  options.pattern = {
    package = lib.mkOption {
      type = lib.types.package;
      default = pkgs.callPackage ../packages/programs.nix { };
      defaultText = lib.literalExpression "the programs of this version";
      description = "The programs, the generator and the units.";
    };
    fetch = lib.mkOption {
      type = lib.types.package;
      default = pkgs.callPackage ../packages/fetch.nix { };
      internal = true;
      description = "`pattern-fetch`, which only the running system has.";
    };
    settings = lib.mkOption {
      inherit (file) type;
      readOnly = true;
      internal = true;
      description = "The contents of `pattern.toml`.";
    };
    toml = lib.mkOption {
      type = lib.types.path;
      readOnly = true;
      internal = true;
      description = "`pattern.toml`.";
    };
  };

  config.pattern = {
    settings = {
      inherit (cfg)
        debug
        partitions
        userspace
        verity
        boot
        ;
      image = {
        inherit (cfg.image) id version epoch;
        # TOML has no null: what is not set is left out.
        updates = lib.filterAttrs (_: value: value != null) cfg.image.updates // {
          pubring = baseNameOf cfg.image.updates.pubring;
        };
      };
      volume = lib.filterAttrs (_: value: value != null) cfg.volume;
    };
    # The programs themselves say what they would refuse at the first boot: options know the form of a value, not its sense.
    toml = pkgs.runCommand "pattern.toml" { unchecked = file.generate "unchecked.toml" cfg.settings; } (
      lib.optionalString runs ''
        mkdir -p root/proc root/usr/lib/pattern
        touch root/proc/cmdline
        cp $unchecked root/usr/lib/pattern/pattern.toml
        ${cfg.package}/lib/systemd/system-generators/pattern-generator --root=root --check
      ''
      + "cp $unchecked $out"
    );
  };
}
