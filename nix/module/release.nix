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
  # An older NixOS has another name for the image that holds its own kernel image.
  image = if config.image.repart ? image then build.image else build.finalImage;
  sources = lib.concatMap (
    partition: map (each: each.source) (lib.attrValues (partition.contents or { }))
  ) (lib.attrValues config.image.repart.partitions);
in
{
  options.pattern.release = lib.mkOption {
    type = lib.types.package;
    defaultText = lib.literalExpression "what the other options give";
    description = "Image, split partitions, kernel image and SHA256SUMS of this version, which sign-image signs.";
  };

  config.pattern.release = lib.mkDefault (
    pkgs.runCommand "${base}-release" { } ''
      # systemd-repart leaves out what is not there, and says nothing.
      for source in ${lib.concatMapStringsSep " " (source: "${source}") sources}; do
        test -e "$source" || { echo "the image needs $source, which is not there" >&2; exit 1; }
      done
      test -s ${config.pattern.image.updates.pubring} || { echo "pattern.image.updates.pubring: the keyring is empty" >&2; exit 1; }
      mkdir $out && cd $out
      cp ${image}/${base}.raw .
      cp ${build.uki}/${config.system.boot.loader.ukiFile} ${base}.efi
      for part in verity usr; do
        file=$(ls ${image}/${base}.$part.*.raw)
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
