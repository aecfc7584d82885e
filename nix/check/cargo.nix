# What the packages of an image have cargo do, and with which libraries, where there is no nixpkgs.
let
  lib = {
    importTOML = path: builtins.fromTOML (builtins.readFile path);
    optionalAttrs = when: set: if when then set else { };
    licenses.mit = "mit";
    platforms.linux = [ ];
  };
  rustPlatform = {
    buildRustPackage = package: package;
    bindgenHook = "bindgenHook";
  };
  # Cargo.toml says what is needed to whoever has less.
  rustc.version = "1000";
  said = package: {
    flags = package.cargoBuildFlags;
    libraries = package.buildInputs or [ ];
    env = package.env or { };
    script = package.postInstall;
  };
in
{
  programs = said (
    import ../packages/programs.nix {
      inherit lib rustPlatform rustc;
      stdenv.hostPlatform.isStatic = false;
      pkg-config = "pkg-config";
      cryptsetup = "cryptsetup";
      tpm2-tss = "tpm2-tss";
    }
  );
  fetch = said (import ../packages/fetch.nix { inherit lib rustPlatform rustc; });
}
