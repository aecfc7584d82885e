# The machine of the scenario `nixos`: the demonstration, without what no package of Debian can stand for.
{ lib, pkgs, ... }:
let
  debian = "/nix/store/dddddddddddddddddddddddddddddddd-debian";
in
{
  imports = [ ../../../nix/demo ];

  pattern.image.id = lib.mkForce "nixos";
  pattern.image.version = lib.mkDefault "0.0.1";
  networking.hostName = "nixos";

  # Programs of their own, or compiled for each program.
  networking.useNetworkd = true;
  networking.firewall.enable = false;
  networking.resolvconf.enable = false;
  services.nscd.enable = false;
  system.nssModules = lib.mkForce [ ];
  security.enableWrappers = false;
  security.sudo.enable = false;
  documentation.enable = false;
  fonts.fontconfig.enable = false;
  xdg.mime.enable = false;
  xdg.icons.enable = false;
  xdg.sounds.enable = false;
  environment.defaultPackages = [ ];
  environment.stub-ld.enable = false;
  # Debian's libc names it, and what fills the file system of shutdown follows that name.
  environment.ldso = "${debian}/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2";
  # Debian's systemd does not have these, or has them in packages of their own; its newer kernel has other modules.
  services.resolved.enable = false;
  services.timesyncd.enable = false;
  systemd.oomd.enable = false;
  systemd.suppressedSystemUnits = [
    "systemd-sysupdated.service"
    "systemd-update-utmp.service"
  ];
  console.enable = false;
  systemd.coredump.enable = false;
  boot.initrd.allowMissingModules = true;
  boot.initrd.systemd.fido2.enable = false;
  programs.nano.enable = false;

  # What activation has to do in a kept /etc: link a file, copy one, and take both away in the next version.
  environment.etc = {
    "linked".text = lib.mkDefault "first";
    "copied" = {
      text = lib.mkDefault "first";
      mode = "0644";
    };
  };

  # Faster: three images are made, and nobody downloads them.
  image.repart.partitions."20-store".repartConfig = {
    Compression = lib.mkForce "lz4";
    CompressionLevel = lib.mkForce "";
  };

  # Where Debian's programs look for others, in the place of /usr: vm-tests/scripts/nixos/packages.
  boot.initrd.prepend = [
    "${pkgs.runCommand "places" { nativeBuildInputs = [ pkgs.cpio ]; } ''
      mkdir -p root/nix/lib && cd root
      ln -s ${pkgs.systemd}/lib/systemd nix/lib/systemd
      ln -s ${pkgs.systemd}/lib/udev nix/lib/udev
      ln -s /bin nix/bin
      ln -s /bin nix/sbin
      find . | cpio --quiet -o -H newc -R +0:+0 >$out
    ''}"
  ];
  system.activationScripts.users.deps = [ "places" ];
  system.activationScripts.etc.deps = [ "places" ];
  system.activationScripts.places = ''
    mkdir -p /lib
    ln -sfn ${debian}/bin /nix/bin
    ln -sfn ${debian}/sbin /nix/sbin
    ln -sfn ${debian}/share /nix/share
    ln -sfn ${debian}/libexec /nix/libexec
    ln -sfn ${debian}/lib /nix/lib
    ln -sfn /run/booted-system/kernel-modules/lib/modules /lib/modules
  '';
}
