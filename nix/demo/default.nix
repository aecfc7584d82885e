# The demonstration system. Each checkout makes its own keys: git has none of them.
{ pkgs, ... }:
let
  keyring = ../../demo/demo-pubring.pgp;
  # So that the flake can be shown and checked without one.
  missing = pkgs.runCommand "demo-pubring.pgp" { } ''
    echo "demo/demo-pubring.pgp is missing: nix run .#gen-keyring demo/demo && git add --force --intent-to-add demo/demo-pubring.pgp" >&2
    exit 1
  '';
in
{
  pattern = {
    debug = true;
    image = {
      id = "demo";
      updates = {
        url = "http://10.0.2.100:8000";
        pubring = if builtins.pathExists keyring then keyring else missing;
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
