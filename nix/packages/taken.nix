# Which paths below `top` the programs are built from. What is not named here stays out: what other builds leave, and this folder,
# so that a change of the module builds no program again. Keys that somebody made below `top` never get into the store, which
# everybody on the machine can read.
top:
let
  start = builtins.stringLength (toString top) + 1;
  entries = [
    "Cargo.lock"
    "Cargo.toml"
    "demo"
    "docs"
    "fetch"
    "generators"
    "image"
    "initrd"
    "nix/90-pattern-dm.rules"
    "serve"
    "src"
    "tests"
    "units"
    "vm-tests"
  ];
  secret = name: builtins.match ".*-(gpg|keys)|\\..*\\.gen-keyring" name != null;
  # A folder is walked if something in it is wanted.
  holds = entry: path: entry == path || begins "${path}/" entry || begins "${entry}/" path;
  begins = prefix: text: builtins.substring 0 (builtins.stringLength prefix) text == prefix;
in
path: _kind:
let
  relative = builtins.substring start (-1) (toString path);
in
builtins.any (entry: holds entry relative) entries && !secret (baseNameOf relative)
