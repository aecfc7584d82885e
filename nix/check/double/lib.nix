# A double of the few functions of nixpkgs' lib that the module calls, where no nixpkgs is at hand. Modules are merged as
# lib.evalModules does as far as ours need it: options with types and defaults, mkIf, mkMerge, mkDefault, mkForce.
let
  inherit (builtins)
    all
    any
    attrNames
    attrValues
    concatLists
    concatMap
    concatStringsSep
    elem
    elemAt
    filter
    foldl'
    genList
    head
    isAttrs
    isBool
    isFunction
    isInt
    isList
    isPath
    isString
    length
    listToAttrs
    mapAttrs
    toJSON
    ;

  type = name: check: merge: { inherit name check merge; };
  only =
    place: values:
    if all (value: value == head values) values then
      head values
    else
      throw "${place} is defined twice: ${toJSON values}";
  lists = _place: concatLists;
  types = rec {
    anything = type "value" (_: true) only;
    bool = type "boolean" isBool only;
    str = type "string" isString only;
    strMatching =
      form:
      type "string of the form ${form}" (value: isString value && builtins.match form value != null) only;
    path = type "path" (value: isPath value || isString value || value ? outPath) only;
    package = type "package" (value: isAttrs value && value ? outPath) only;
    enum = values: type "one of ${toJSON values}" (value: elem value values) only;
    ints.between =
      low: high:
      type "integer between ${toString low} and ${toString high}" (
        value: isInt value && low <= value && value <= high
      ) only;
    listOf = each: type "list of ${each.name}" (value: isList value && all each.check value) lists;
    nullOr =
      some:
      type "null or ${some.name}" (value: value == null || some.check value) (
        place: values: if elem null values then only place values else some.merge place values
      );
    submodule = _module: anything;
    attrsOf = _each: attrs;
    attrs = type "set" isAttrs (_place: foldl' recursiveUpdate { });
  };

  recursiveUpdate =
    one: other:
    one
    // mapAttrs (
      name: value:
      if isAttrs value && isAttrs (one.${name} or null) then recursiveUpdate one.${name} value else value
    ) other;

  plain = value: isAttrs value && !(value ? _type) && !(value ? outPath);

  # A definition is a value with the conditions under which it counts.
  definitions =
    value:
    let
      inner = definitions value.content;
    in
    if !(isAttrs value && value ? _type) then
      [
        {
          inherit value;
          conditions = [ ];
          priority = 100;
        }
      ]
    else if value._type == "if" then
      map (each: each // { conditions = [ value.condition ] ++ each.conditions; }) inner
    else if value._type == "merge" then
      concatMap definitions value.contents
    else if value._type == "override" then
      map (each: each // { inherit (value) priority; }) inner
    else
      throw "a value of type ${value._type}";
  inside =
    name: outer:
    concatMap (
      def:
      if isAttrs def.value && def.value ? ${name} then
        map (
          each:
          each
          // {
            conditions = def.conditions ++ each.conditions;
            priority = if each.priority == 100 then def.priority else each.priority;
          }
        ) (definitions def.value.${name})
      else
        [ ]
    ) outer;
  counting =
    defs:
    let
      now = filter (def: all (condition: condition) def.conditions) defs;
      strongest = foldl' (low: def: if def.priority < low then def.priority else low) 10000 now;
    in
    map (def: def.value) (filter (def: def.priority == strongest) now);

  isOption = value: isAttrs value && value._type or "" == "option";
  # Declared options: the tree of options says what there is.
  declared =
    place: options: defs:
    if isOption options then
      let
        values = counting defs;
        value =
          if values == [ ] then
            options.default or (throw "${place} is not set")
          else
            options.type.merge place values;
      in
      if options.type.check value then value else throw "${place} is not a ${options.type.name}"
    else
      let
        ours = builtins.match "pattern(\\..*)?" place != null;
        unknown = filter (name: !(options ? ${name})) (concatMap (def: attrNames def.value) defs);
      in
      if ours && unknown != [ ] then
        throw "${place}.${head unknown}: there is no such option"
      else
        mapAttrs (name: each: declared "${place}.${name}" each (inside name defs)) options
        // listToAttrs (
          map (name: {
            inherit name;
            value = free "${place}.${name}" (inside name defs);
          }) unknown
        );
  # What belongs to NixOS is taken as it comes: sets and lists are merged.
  free =
    place: defs:
    let
      values = counting defs;
      # All that might be there: which of them count may depend on what is below.
      names = concatMap (def: attrNames def.value) defs;
      merged = listToAttrs (
        map (name: {
          inherit name;
          value = free "${place}.${name}" (inside name defs);
        }) names
      );
    in
    if values == [ ] then
      throw "${place} is not set"
    else if all plain values then
      merged
    else if all isList values then
      concatLists values
    else
      only place values;

  evalModules =
    { modules, specialArgs }:
    let
      load =
        module:
        let
          file = if isPath module || isString module then import module else module;
          value = if isFunction file then file (specialArgs // { inherit config; }) else file;
        in
        [ value ] ++ concatMap load (value.imports or [ ]);
      loaded = concatMap load modules;
      options = foldl' recursiveUpdate { } (map (module: module.options or { }) loaded);
      configOf =
        module:
        module.config or (
          if module ? _type then
            module
          else
            removeAttrs module [
              "imports"
              "options"
            ]
        );
      defs = concatMap (module: definitions (configOf module)) loaded;
      # Not `counting`: which names there are must not depend on what they are.
      names = concatMap (def: attrNames def.value) defs;
      config =
        mapAttrs (name: each: declared name each (inside name defs)) options
        // listToAttrs (
          map (name: {
            inherit name;
            value = free name (inside name defs);
          }) (filter (name: !(options ? ${name})) names)
        );
    in
    {
      inherit config options;
    };

in
{
  inherit types recursiveUpdate evalModules;
  mkOption = option: option // { _type = "option"; };
  mkIf = condition: content: {
    _type = "if";
    inherit condition content;
  };
  mkMerge = contents: {
    _type = "merge";
    inherit contents;
  };
  mkDefault = content: {
    _type = "override";
    priority = 1000;
    inherit content;
  };
  mkOverride = priority: content: {
    _type = "override";
    inherit priority content;
  };
  mkForce = content: {
    _type = "override";
    priority = 50;
    inherit content;
  };
  literalExpression = text: {
    _type = "literalExpression";
    inherit text;
  };
  inherit concatStringsSep listToAttrs;
  concatMapStringsSep =
    separator: function: list:
    concatStringsSep separator (map function list);
  genAttrs =
    names: value:
    listToAttrs (
      map (name: {
        inherit name;
        value = value name;
      }) names
    );
  imap0 = function: list: genList (number: function number (elemAt list number)) (length list);
  filterAttrs =
    keep: set:
    removeAttrs set (builtins.filter (name: !keep name set.${name}) (builtins.attrNames set));
  optionalString = wanted: text: if wanted then text else "";
  optionals = wanted: list: if wanted then list else [ ];
  mapAttrs' = change: set: listToAttrs (map (name: change name set.${name}) (attrNames set));
  optionalAttrs = wanted: set: if wanted then set else { };
  optional = wanted: value: if wanted then [ value ] else [ ];
  toUpper = builtins.replaceStrings [ "x" "a" "i" "r" "m" "v" ] [ "X" "A" "I" "R" "M" "V" ];
  inherit any attrValues concatMap;
}
