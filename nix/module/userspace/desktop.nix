# GNOME with its shell, its login screen and a terminal.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  greeter = "gdm-greeter";
  number = name: lib.toIntBase10 ("0" + lib.removePrefix "-" (lib.removePrefix greeter name));
in
{
  # GDM's own users have numbers of people, and systemd-homed would ask nobody to make the first one. Which names there are
  # differs from one GDM to the next: whatever it declares gets a number of the system's users.
  options.users.users = lib.mkOption {
    type = lib.types.attrsOf (
      lib.types.submodule (
        { name, ... }:
        {
          config = lib.mkIf (config.pattern.userspace.desktop && lib.hasPrefix greeter name) {
            uid = lib.mkForce (880 + number name);
          };
        }
      )
    );
  };

  config = lib.mkIf config.pattern.userspace.desktop {
    services = {
      displayManager.gdm.enable = lib.mkDefault true;
      desktopManager.gnome = {
        enable = lib.mkDefault true;
        extraGSettingsOverrides = ''
          [org.gnome.shell]
          welcome-dialog-last-shown-version='9999999999'
        '';
      };
      # NixOS turns them on by a default of its own, which is of a lower priority.
      gnome = {
        core-apps.enable = lib.mkOverride 900 false;
        core-developer-tools.enable = lib.mkOverride 900 false;
      };
    };
    environment.gnome.excludePackages = [ pkgs.gnome-tour ];
    environment.systemPackages = [ pkgs.gnome-console ];
  };
}
