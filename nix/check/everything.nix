# Every option with another value than its default.
{
  pattern = {
    image = {
      id = "my.demo-2";
      version = "2026.11-rc1";
      epoch = 3;
      updates.url = "file:///srv/updates";
      updates.pubring = ./keys.gpg;
      updates.limit = "50M";
      updates.window = "22:00-06:00";
    };
    partitions = {
      disk = "/dev/disk/by-id/nvme-X_1";
      sizes = {
        esp = "40M";
        verity = "17M";
        usr = "2G";
      };
      persist = {
        etc = true;
        home = true;
        srv = true;
        var = true;
        rollback = [ "/var/lib/app" ];
      };
    };
    debug = true;
    userspace = {
      homed = true;
      desktop = true;
      distrobox = true;
      sandboxing = true;
      firmware = true;
    };
    volume = {
      filesystem = "btrfs";
      tpm = "preferred";
      pcrs = [
        7
        11
      ];
      pin = true;
      counter = true;
      secure_boot = "required";
      recovery_key = true;
      escrow = [ "age17w23j4qn8rwklwqyv0uh750698dnwafk64h428vrg6uke8unvpjs9hcc92" ];
    };
    verity.on_corruption = "io-error";
    boot.essential = [ "sshd.service" ];
    boot.flags = [ "grow" ];
    boot.credentials = [ "home.create.*" ];
    boot.add_on_words = [ "console=*" ];
    boot.secure_boot_enroll = "off";
  };
}
