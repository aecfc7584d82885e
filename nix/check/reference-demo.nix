# The settings of the demonstration of github.com/sotormd/pattern, as its users have them.
{
  imports = [ { pattern.image.version = "0.0.1"; } ];

  pattern = {
    image = {
      id = "demo";
      updates.url = "https://github.com/sotormd/pattern/releases/latest/download";
      updates.pubring = ./demo-pubring.pgp;
    };
    partitions = {
      disk = "/dev/sda";
      sizes.esp = "200M";
      sizes.verity = "200M";
      sizes.usr = "2G";
      persist.etc = true;
      persist.home = true;
      persist.srv = true;
      persist.var = true;
    };
    userspace.homed = false;
    userspace.desktop = false;
    userspace.distrobox = true;
    userspace.sandboxing = false;
    debug = true;
  };

  boot.kernelParams = [ "console=ttyS0" ];
  users.users.root.initialPassword = "demo";
}
