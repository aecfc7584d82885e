# First boot and second boot of an image, by the same scenarios as `make vm`.
{
  rustPlatform,
  pattern,
  image,
  id,
}:
rustPlatform.buildRustPackage {
  pname = "pattern-scenarios";
  inherit (pattern) version;
  src = import ./source.nix;
  cargoLock.lockFile = ../../Cargo.lock;
  nativeBuildInputs = [ pattern.programs ];
  dontBuild = true;
  requiredSystemFeatures = [ "kvm" ];
  checkPhase = ''
    export PATTERN_PROGRAMS=${pattern.programs} PATTERN_IMAGE=${image}/${id}.raw
    cargo test --package pattern-vm-tests --test scenarios -- --nocapture --test-threads=1 first_boot second_boot
  '';
  installPhase = "mkdir $out";
}
