# A system of your own: docs/nix.md of pattern names every option.
{ pkgs, ... }:
{
  pattern = {
    image = {
      id = "mine";
      version = "0.0.1";
      updates = {
        url = "https://example.org/mine";
        # nix run github:...#gen-keyring mine
        pubring = ./mine-pubring.pgp;
      };
    };
    partitions = {
      sizes = {
        esp = "200M";
        verity = "200M";
        usr = "4G";
      };
      persist = {
        home = true;
        var = true;
      };
    };
    userspace.homed = true;
    volume.recovery_key = true;
  };

  environment.systemPackages = [ pkgs.vim ];
  system.stateVersion = "25.11";
}
