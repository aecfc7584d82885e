# What the programs are built from.
let
  top = ../..;
in
builtins.path {
  path = top;
  name = "pattern-source";
  filter = import ./taken.nix top;
}
