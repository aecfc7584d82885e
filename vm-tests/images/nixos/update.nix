# The next version: other files in /etc.
{
  imports = [ ./configuration.nix ];

  pattern.image.version = "0.0.2";
  environment.etc = {
    "linked".text = "second";
    "copied".text = "second";
    "added".text = "second";
  };
}
