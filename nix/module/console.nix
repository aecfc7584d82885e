# debug: all messages, root logged in, a shell where a boot stops. Otherwise: what fails, and what a person is asked, and no
# credentials but those that boot.credentials lists.
{ config, lib, ... }:
let
  inherit (config.pattern) debug;
in
{
  services.getty.autologinUser = lib.mkIf debug (lib.mkDefault "root");
  systemd.enableEmergencyMode = lib.mkDefault debug;
  boot.kernelParams =
    if debug then
      [ "systemd.setenv=SYSTEMD_SULOGIN_FORCE=1" ]
    else
      [
        "quiet"
        "systemd.import_credentials=no"
      ];
  boot.initrd.verbose = lib.mkDefault debug;
}
