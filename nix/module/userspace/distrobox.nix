# Other distributions in containers of a user's own.
{
  config,
  lib,
  pkgs,
  ...
}:
lib.mkIf config.pattern.userspace.distrobox {
  environment.systemPackages = [ pkgs.distrobox ];
  virtualisation.podman = {
    enable = lib.mkDefault true;
    dockerCompat = lib.mkDefault true;
  };
}
