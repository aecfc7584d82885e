# A version whose essential service fails.
{
  imports = [ ./configuration.nix ];

  pattern.image.version = "0.0.3";
  pattern.boot.essential = [ "broken.service" ];
  environment.etc."linked".text = "third";
  systemd.services.broken = {
    wantedBy = [ "multi-user.target" ];
    serviceConfig.ExecStart = "/bin/sh -c 'exit 1'";
  };
}
