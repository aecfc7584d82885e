# What `sign-release` adds to a folder that systems update from: the names are those of `pattern build`.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (config.pattern.image) id version;
  inherit (config.system) build;
  base = "${id}_${version}";
in
{
  options.pattern.release = lib.mkOption {
    type = lib.types.package;
    defaultText = lib.literalExpression "what the other options give";
    description = "image, split partitions, kernel image and SHA256SUMS of this version";
  };

  config.pattern.release = lib.mkDefault (
    pkgs.runCommand "${base}-release" { nativeBuildInputs = [ pkgs.jq ]; } ''
      mkdir $out && cd $out
      cp ${build.finalImage}/${base}.raw .
      cp ${build.uki}/${config.system.boot.loader.ukiFile} ${base}.efi
      for part in verity usr; do
        file=$(ls ${build.finalImage}/${base}.$part.*.raw)
        uuid=''${file%.raw}
        uuid=''${uuid##*.}
        uuid=''${uuid//-/}
        cp "$file" "${base}_''${uuid}_$(stat --format=%s "$file").$part.raw"
      done
      # What sign-release compares its key with.
      cp ${config.pattern.image.updates.pubring} ${base}.pubring.pgp
      sha256sum -- * > SHA256SUMS
    ''
  );
}
