# The files below `top` that the programs are built from.
{ top }:
let
  taken = import ../packages/taken.nix top;
  walk =
    folder:
    let
      entries = builtins.readDir folder;
      into =
        name:
        let
          path = "${folder}/${name}";
        in
        if !taken path entries.${name} then
          [ ]
        else if entries.${name} == "directory" then
          walk path
        else
          [ path ];
    in
    builtins.concatMap into (builtins.attrNames entries);
in
walk (toString top)
