# GNOME with its shell, its login screen and a terminal.
{
  config,
  lib,
  pkgs,
  ...
}:
lib.mkIf config.pattern.userspace.desktop {
  services = {
    displayManager.gdm.enable = lib.mkDefault true;
    desktopManager.gnome = {
      enable = lib.mkDefault true;
      extraGSettingsOverrides = ''
        [org.gnome.shell]
        welcome-dialog-last-shown-version='9999999999'
      '';
    };
    gnome = {
      core-apps.enable = lib.mkDefault false;
      core-developer-tools.enable = lib.mkDefault false;
    };
  };
  environment.gnome.excludePackages = [ pkgs.gnome-tour ];
  environment.systemPackages = [ pkgs.gnome-console ];

  # From the range of the system's users: what a kept /etc gave to others stays theirs.
  users.users = lib.listToAttrs (
    lib.imap0
      (number: name: {
        inherit name;
        value.uid = lib.mkForce (880 + number);
      })
      [
        "gdm-greeter"
        "gdm-greeter-1"
        "gdm-greeter-2"
        "gdm-greeter-3"
        "gdm-greeter-4"
      ]
  );
}
