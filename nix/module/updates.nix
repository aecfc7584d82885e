# What systemd-sysupdate transfers: both partitions first, the entry that the boot loader offers last, counted.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.pattern;
  inherit (cfg.image) id;
  transfer = patterns: target: {
    # %A is the version that runs: it is never overwritten.
    Transfer = {
      ProtectVersion = "%A";
      Verify = "yes";
    };
    Source = {
      Type = "url-file";
      Path = cfg.image.updates.url;
      MatchPattern = patterns;
    };
    Target = target // {
      InstancesMax = 2;
    };
  };
  partition =
    part: kind:
    transfer
      (lib.concatMapStringsSep " " (end: "${id}_@v_@u_@s.${part}.raw${end}") [
        ""
        ".xz"
        ".gz"
        ".bz2"
      ])
      {
        Type = "partition";
        Path = "auto";
        MatchPattern = "${part}-@v";
        MatchPartitionType = kind;
        ReadOnly = "yes";
      };
in
{
  environment.etc = lib.genAttrs [ "systemd/import-pubring.pgp" "systemd/import-pubring.gpg" ] (_: {
    source = cfg.image.updates.pubring;
  });

  # When to update, and whether to restart for it, is the owner's decision.
  systemd.timers.systemd-sysupdate.wantedBy = lib.mkForce [ ];
  # It runs gpg, and as a service of NixOS it has no PATH but this.
  systemd.services.systemd-sysupdate.path = [ pkgs.gnupgMinimal ];
  systemd.sysupdate = {
    enable = lib.mkDefault true;
    reboot.enable = lib.mkDefault false;
    transfers = {
      "10-verity" = partition "verity" "usr-verity";
      "20-usr" = partition "usr" "usr";
      "30-uki" = transfer "${id}_@v.efi" {
        Type = "regular-file";
        Path = "/EFI/Linux";
        PathRelativeTo = "boot";
        MatchPattern = "${id}_@v+@l-@d.efi ${id}_@v+@l.efi ${id}_@v.efi";
        Mode = "0644";
        TriesLeft = 3;
        TriesDone = 0;
      };
    };
  };
}
