# The running system: root is empty at each boot, /usr holds the store and what units call by path.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.pattern;
in
{
  fileSystems."/" = {
    fsType = "tmpfs";
    options = [ "mode=0755" ];
    neededForBoot = true;
  };

  systemd.units = import ../units.nix;
  systemd.targets.factory-reset.wants = [ "pattern-reset-request.service" ];
  # Of systemd since 258: it has the next boot erase what systemd-repart marks, and pattern-reset-request.service asks first.
  systemd.suppressedSystemUnits = [ "systemd-factory-reset-request.service" ];
  systemd.generators.pattern-generator = "${cfg.package}/lib/systemd/system-generators/pattern-generator";
  systemd.tpm2.enable = lib.mkDefault true;
  environment.systemPackages = [
    cfg.package
    pkgs.cryptsetup
    # checks the signature of updates
    pkgs.gnupgMinimal
  ];

  # /usr/bin/env is in the image. NixOS would write it, or remove it, in a /usr that nobody can write to.
  system.activationScripts.usrbinenv = lib.mkForce "";
  # As the reference's module has it: without a number, what a kept /etc and /var mean would change with each update of nixpkgs.
  system.stateVersion = lib.mkDefault "25.11";
  boot.loader.grub.enable = lib.mkDefault false;
  # The image is the system: there is nothing to switch to, and no channel to build from.
  nix.enable = lib.mkDefault false;
  system.switch.enable = lib.mkDefault false;
  system.tools =
    lib.genAttrs
      [
        "nixos-build-vms"
        "nixos-enter"
        "nixos-generate-config"
        "nixos-install"
        "nixos-option"
        "nixos-rebuild"
        "nixos-version"
      ]
      (_: {
        enable = lib.mkDefault false;
      });

  assertions = [
    {
      assertion = !cfg.userspace.homed || cfg.partitions.persist.home == cfg.partitions.persist.var;
      message = "pattern.userspace.homed needs pattern.partitions.persist.home and .var both, or neither: systemd-homed has a part of each user in either.";
    }
    {
      assertion = cfg.debug || !(builtins.elem "break" cfg.boot.flags);
      message = "pattern.boot.flags must not hold \"break\" unless pattern.debug is true: it gives a root shell to anyone at the console.";
    }
    {
      assertion = cfg.partitions.persist.rollback == [ ] || cfg.partitions.persist.var;
      message = "pattern.partitions.persist.rollback needs pattern.partitions.persist.var: every start has a new /var otherwise.";
    }
    {
      assertion = cfg.volume.escrow == [ ] || cfg.volume.recovery_key;
      message = "pattern.volume.escrow needs pattern.volume.recovery_key: there is no key to encrypt otherwise.";
    }
    {
      assertion = config.boot.initrd.luks.devices == { };
      message = "boot.initrd.luks.devices must be empty: pattern-persist makes and opens the volume.";
    }
  ];
}
