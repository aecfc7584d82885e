# The demonstration system.
{
  pattern = {
    debug = true;
    image = {
      id = "demo";
      updates = {
        url = "http://10.0.2.100:8000";
        pubring = ./demo-pubring.pgp;
      };
    };
    partitions = {
      sizes = {
        esp = "200M";
        verity = "200M";
        usr = "2G";
      };
      persist = {
        etc = true;
        home = true;
        srv = true;
        var = true;
      };
    };
    volume.recovery_key = true;
  };

  boot.kernelParams = [
    "console=tty0"
    "console=ttyS0"
  ];
  system.stateVersion = "25.11";
}
