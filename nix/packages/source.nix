# What the programs are built from, without what a build leaves beside it.
{ lib }:
lib.cleanSourceWith {
  src = ../..;
  filter =
    path: _:
    !(builtins.elem (baseNameOf path) [
      "build"
      "target"
      "nix"
      ".git"
    ]);
}
