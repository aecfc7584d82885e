# An option that is not there.
{
  imports = [ ./reference-demo.nix ];
  pattern.partitions.persist.hom = true;
}
