# Users by systemd-homed; docs/userspace.md.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  options = ../../../image/mkosi/options/homed/mkosi.extra/usr/lib;
in
lib.mkIf config.pattern.userspace.homed {
  services.homed.enable = true;
  # /home is encrypted already, with everything else that is kept.
  services.homed.settings.Home.DefaultStorage = lib.mkDefault "directory";

  systemd.services.pattern-subids = {
    description = "Sub-uids and Sub-gids for Users of systemd-homed";
    before = [
      "systemd-homed.service"
      "systemd-user-sessions.service"
    ];
    wantedBy = [ "systemd-homed.service" ];
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
    };
    path = [
      pkgs.diffutils
      pkgs.gawk
    ];
    script = builtins.readFile (options + "/pattern/pattern-subids");
  };
}
