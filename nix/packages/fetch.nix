# The program of the running system that fetches what a machine lacks of a new version. It has no C library but that of the system,
# whose resolver finds the server: so it is never a static file.
{
  lib,
  rustPlatform,
  rustc,
}:
let
  top = ../..;
  needs = import ./rust.nix rustc;
in
needs (
  rustPlatform.buildRustPackage {
    pname = "pattern-fetch";
    inherit ((lib.importTOML (top + "/Cargo.toml")).workspace.package) version;
    src = import ./source.nix;
    cargoLock.lockFile = top + "/Cargo.lock";
    cargoBuildFlags = [
      "-p"
      "pattern-fetch"
    ];
    # `make check` starts it, and machines do.
    doCheck = false;

    # No person types its name.
    postInstall = ''
      mkdir $out/libexec
      mv $out/bin/pattern-fetch $out/libexec
      rmdir $out/bin
    '';

    meta = {
      description = "Fetches what a pattern machine lacks of a new version";
      license = lib.licenses.mit;
      platforms = lib.platforms.linux;
    };
  }
)
