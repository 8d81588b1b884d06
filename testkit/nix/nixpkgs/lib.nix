# As much of nixpkgs' `lib` as Pintle's flake uses, with the same meaning. The module system merges as nixpkgs' does:
# options that nobody declared are errors, types are checked, priorities decide, conditions may refer to the result.
let
  inherit (builtins)
    all
    attrNames
    concatMap
    concatStringsSep
    elem
    elemAt
    filter
    foldl'
    isAttrs
    isFunction
    isList
    listToAttrs
    mapAttrs
    ;

  # Priorities, the smaller the stronger (lib/modules.nix: defaultOverridePriority, mkDefault, mkForce).
  plain = 100;
  mkOverride = priority: content: { _type = "override"; inherit priority content; };
  isOption = value: value._type or "" == "option";

  # Conditions and merges go down to the attributes, so that the names of a set are known before its conditions are.
  pushDown =
    value:
    if value._type or "" == "merge" then
      concatMap pushDown value.contents
    else if value._type or "" == "if" then
      map (
        content:
        if isAttrs content && !(content ? _type) && content.type or "" != "derivation" then
          mapAttrs (_: lib.mkIf value.condition) content
        else
          lib.mkIf value.condition content
      ) (pushDown value.content)
    else
      [ value ];

  # Definitions of one option: { priority; value; }.
  discharge =
    value:
    {
      "merge" = concatMap discharge value.contents;
      "if" = if value.condition then discharge value.content else [ ];
      "override" = map (inner: inner // { inherit (value) priority; }) (discharge value.content);
    }
    .${value._type or ""} or [
      {
        priority = plain;
        inherit value;
      }
    ];

  mergeOption =
    path: option: definitions:
    let
      found =
        concatMap discharge definitions
        ++ (
          if option ? default then
            [
              {
                priority = 1500;
                value = option.default;
              }
            ]
          else
            [ ]
        );
      strongest = foldl' (least: d: if d.priority < least then d.priority else least) 9999 found;
      values = map (d: d.value) (filter (d: d.priority == strongest) found);
      bad = filter (value: !(option.type.check value)) values;
    in
    if found == [ ] then
      throw "The option `${path}' was accessed but has no value defined. Try setting the option."
    else if bad != [ ] then
      throw "A definition for option `${path}' is not of type `${option.type.name}'."
    else
      option.type.merge path values;

  evalTree =
    path: options: definitions:
    let
      sets = concatMap pushDown definitions;
      at = name: concatMap (set: if set ? ${name} then [ set.${name} ] else [ ]) sets;
      below = name: if path == "" then name else "${path}.${name}";
      unknown = filter (name: !(options ? ${name})) (concatMap attrNames sets);
    in
    if unknown != [ ] then
      throw "The option `${below (elemAt unknown 0)}' does not exist."
    else
      mapAttrs (
        name: option:
        if isOption option then mergeOption (below name) option (at name) else evalTree (below name) option (at name)
      ) options;

  one =
    path: values:
    if all (value: value == elemAt values 0) values then
      elemAt values 0
    else
      throw "The option `${path}' has conflicting definition values.";
  type = name: check: {
    inherit name check;
    merge = one;
  };

  lib = {
    inherit concatMap filter elem;
    genAttrs = names: f: listToAttrs (map (name: { inherit name; value = f name; }) names);
    optional = condition: value: if condition then [ value ] else [ ];
    optionals = condition: values: if condition then values else [ ];
    optionalString = condition: text: if condition then text else "";
    mapAttrsToList = f: set: map (name: f name set.${name}) (attrNames set);
    concatStrings = concatStringsSep "";
    recursiveUpdate =
      a: b:
      a
      // mapAttrs (
        name: value: if isAttrs value && isAttrs (a.${name} or null) then lib.recursiveUpdate a.${name} value else value
      ) b;
    hasPrefix = prefix: text: builtins.substring 0 (builtins.stringLength prefix) text == prefix;
    removePrefix =
      prefix: text:
      if lib.hasPrefix prefix text then builtins.substring (builtins.stringLength prefix) (-1) text else text;
    toLower =
      let
        upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        lower = "abcdefghijklmnopqrstuvwxyz";
        letters = text: builtins.genList (at: builtins.substring at 1 text) 26;
      in
      builtins.replaceStrings (letters upper) (letters lower);
    escapeShellArg = text: "'${builtins.replaceStrings [ "'" ] [ "'\\''" ] (toString text)}'";
    escapeShellArgs = words: concatStringsSep " " (map lib.escapeShellArg words);
    importTOML = file: builtins.fromTOML (builtins.readFile file);
    getExe = package: "${package}/bin/${package.meta.mainProgram or package.pname}";
    fileset = {
      unions = paths: paths;
      toSource =
        { root, fileset }:
        assert all builtins.pathExists fileset;
        let
          names = map toString fileset;
          wanted = path: builtins.any (name: path == name || lib.hasPrefix "${name}/" path) names;
        in
        builtins.path {
          name = "source";
          path = root;
          filter = path: _: wanted path;
        };
    };
    licenses = {
      mit.spdxId = "MIT";
      asl20.spdxId = "Apache-2.0";
    };
    platforms.linux = [ "x86_64-linux" ];
    trivial.release = "26.11";

    mkIf = condition: content: {
      _type = "if";
      inherit condition content;
    };
    mkMerge = contents: {
      _type = "merge";
      inherit contents;
    };
    mkDefault = mkOverride 1000;
    mkForce = mkOverride 50;
    mkOption = option: option // { _type = "option"; };
    mkEnableOption =
      what:
      lib.mkOption {
        type = lib.types.bool;
        default = false;
        description = "Whether to enable ${what}.";
      };
    literalExpression = text: text;

    types = rec {
      str = type "string" builtins.isString;
      bool = type "boolean" builtins.isBool;
      path = type "absolute path" (value: lib.hasPrefix "/" "${value}");
      package = type "package" (value: value.type or "" == "derivation");
      enum = choices: type "one of ${builtins.toJSON choices}" (value: elem value choices);
      ints.positive = type "positive integer" (value: builtins.isInt value && value > 0);
      nullOr = inner: type "null or ${inner.name}" (value: value == null || inner.check value);
      listOf = inner: {
        name = "list of ${inner.name}";
        check = value: isList value && all inner.check value;
        merge = _: builtins.concatLists;
      };
      attrs = {
        name = "attribute set";
        check = isAttrs;
        merge = _: foldl' (a: b: a // b) { };
      };
      attrsOf = inner: attrs // { check = value: isAttrs value && all inner.check (builtins.attrValues value); };
    };

    evalModules =
      { modules, specialArgs }:
      let
        arguments = specialArgs // {
          inherit lib config;
        };
        read =
          module:
          let
            said = if builtins.isPath module then import module else module;
            content = if isFunction said then said arguments else said;
          in
          concatMap read (content.imports or [ ]) ++ [ content ];
        all = concatMap read modules;
        explicit = module: module ? options || module ? config;
        options = foldl' lib.recursiveUpdate { } (map (module: module.options or { }) all);
        definitions = map (
          module: if explicit module then module.config or { } else builtins.removeAttrs module [ "imports" ]
        ) all;
        config = evalTree "" options definitions;
      in
      {
        inherit config options;
      };
  };
in
lib
