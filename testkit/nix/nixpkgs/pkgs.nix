# As much of nixpkgs' packages as Pintle's flake uses. What they do they do with busybox: there is no compiler, and
# `buildRustPackage` takes the program that the test was compiled with.
{ lib, debs, systems }:
let
  inherit (systems.tools) busybox glibc;
  system = "x86_64-linux";

  # Nix gives a builder with structured attributes a file in place of variables (manual, "Advanced attributes").
  prelude = ''
    set -o pipefail
    export PATH=${busybox}/bin
    : "''${out:=$(sed 's/.*"outputs":{"out":"\([^"]*\)".*/\1/' "$NIX_ATTRS_JSON_FILE")}"
  '';
  folder = name: builtins.path { inherit name; path = debs + "/${name}"; };

  pkgs = {
    inherit lib;
    toplevels = systems;
    stdenv.hostPlatform = { inherit system; };
    callPackage = function: given: (import function) (builtins.intersectAttrs (builtins.functionArgs (import function)) pkgs // given);

    runCommand =
      name: attributes: script:
      derivation (
        builtins.removeAttrs attributes [ "passthru" ]
        // {
          inherit name system;
          builder = "${busybox}/bin/sh";
          args = [
            "-euc"
            (prelude + script)
          ];
        }
      )
      // attributes.passthru or { };
    writeText =
      name: text:
      pkgs.runCommand name { inherit text; } ''
        printf '%s' "$text" > $out
      '';
    writeShellScript =
      name: text:
      pkgs.runCommand name { script = "#!${busybox}/bin/sh\n${text}"; } ''
        printf '%s' "$script" > $out
        chmod +x $out
      '';

    # In the format of `nix-store --load-db`, as nixpkgs' own writes it: the builder's description of the paths holds it.
    closureInfo =
      { rootPaths }:
      pkgs.runCommand "closure-info"
        {
          __structuredAttrs = true;
          exportReferencesGraph.closure = rootPaths;
        }
        ''
          mkdir $out
          sed 's/{"closureSize"/\n&/g' "$NIX_ATTRS_JSON_FILE" | sed -n '/^{"closureSize"/ s/"valid".*//p' |
            while read -r line || [ -n "$line" ]; do
            field() { printf '%s' "$line" | sed "s/.*\"$1\":\"\\{0,1\\}\\([^\",}]*\\).*/\\1/"; }
            references=$(printf '%s' "$line" | sed 's/.*"references":\[\([^]]*\)\].*/\1/' | tr -d '"' | tr , '\n')
            printf '%s\n%s\n%s\n\n' "$(field path)" "$(field narHash)" "$(field narSize)"
            if [ -n "$references" ]; then printf '%s\n' "$references" | wc -l; printf '%s\n' "$references"; else echo 0; fi
          done > $out/registration
        '';

    # The boot loaders of the machine that runs the test, in folders as the packages of nixpkgs are.
    systemd = pkgs.runCommand "systemd" { } "mkdir $out; cp -r ${folder "systemd"}/lib $out/lib";
    grub2 = pkgs.runCommand "grub" { } "mkdir $out; cp -r ${folder "grub2"}/lib $out/lib";

    installShellFiles = null;
    rustPlatform.buildRustPackage =
      {
        pname,
        version,
        src,
        cargoLock,
        meta,
        ...
      }:
      let
        locked = builtins.length (lib.importTOML cargoLock.lockFile).package;
      in
      assert locked > 100;
      pkgs.runCommand "${pname}-${version}" { passthru = { inherit pname version meta; }; } ''
        test -e ${src}/bins/pintle/Cargo.toml
        mkdir -p $out/bin $out/libexec
        cp ${folder "program"}/* $out/libexec/
        printf '#!%s\nexec %s --library-path %s %s "$@"\n' ${busybox}/bin/sh \
          ${glibc}/lib/ld-linux-x86-64.so.2 $out/libexec:${glibc}/lib $out/libexec/pintle > $out/bin/pintle
        chmod +x $out/bin/pintle
      '';

    mkShell = { packages, inputsFrom }: pkgs.runCommand "shell" { inherit packages inputsFrom; } "touch $out";
    cargo = busybox;
    clippy = busybox;
    rustfmt = busybox;
    qemu = busybox;
    nixfmt-tree = busybox;
  };
in
pkgs
