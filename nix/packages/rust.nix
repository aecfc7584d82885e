# Says which Rust is needed before a build fails for want of it.
rustc: package:
let
  needed = (builtins.fromTOML (builtins.readFile ../../Cargo.toml)).workspace.package.rust-version;
in
if builtins.compareVersions rustc.version needed >= 0 then
  package
else
  throw "pattern needs Rust ${needed} or newer, and this nixpkgs has ${rustc.version}: update the input nixpkgs (nix flake update nixpkgs)"
