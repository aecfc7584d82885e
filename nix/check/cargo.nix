# What the package of the programs has cargo do, and with which libraries, where there is no nixpkgs.
let
  package = import ../packages/programs.nix {
    lib = {
      importTOML = path: builtins.fromTOML (builtins.readFile path);
      optionalAttrs = when: set: if when then set else { };
      licenses.mit = "mit";
      platforms.linux = [ ];
    };
    stdenv.hostPlatform.isStatic = false;
    rustPlatform = {
      buildRustPackage = package: package;
      bindgenHook = "bindgenHook";
    };
    # Cargo.toml says what is needed to whoever has less.
    rustc.version = "1000";
    pkg-config = "pkg-config";
    cryptsetup = "cryptsetup";
    tpm2-tss = "tpm2-tss";
  };
in
{
  flags = package.cargoBuildFlags;
  libraries = package.buildInputs;
  inherit (package) env;
}
