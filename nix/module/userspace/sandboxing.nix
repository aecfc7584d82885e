# bubblewrap gives a program only the files it is told to, xdg-dbus-proxy only such calls.
{
  config,
  lib,
  pkgs,
  ...
}:
lib.mkIf config.pattern.userspace.sandboxing {
  environment.systemPackages = [
    pkgs.bubblewrap
    pkgs.xdg-dbus-proxy
  ];
}
