# mkImage { nixos = …; formats = [ "raw" ]; … }: disk images of a NixOS system, made by an ordinary derivation that needs
# no KVM, no virtual machine and no network. `result/` then holds what `pintle build` writes: the images, NAME.json, bills
# of materials, a page, and the lock.
#
# The boot loaders are those of nixpkgs, so the image is made of the system's closure and of nothing else. It starts by
# BIOS and by UEFI, unless told otherwise; the system finds its root by the label (`nixosModules.image` sees to it).
{ packageOf }:
{
  # A NixOS system, as `nixpkgs.lib.nixosSystem` makes it; or its toplevel, with the packages to take tools from.
  nixos ? null,
  toplevel ? nixos.config.system.build.toplevel,
  pkgs ? nixos.pkgs,

  # Formats to write: raw, qcow2, digitalocean, … (`image.formats` in docs/reference/options.md).
  formats ? [ "raw" ],
  # Name of the files, and version: by default those that the toplevel's name ends with (nixos-system-NAME-VERSION).
  name ? null,
  version ? null,
  # Free space in the root file system ("2G"), or the size of the whole disk. Systems grow to their disk when they start.
  free ? null,
  size ? null,
  # Label of the root file system.
  label ? "nixos",
  # Ways to start.
  bios ? true,
  uefi ? true,
  # Packages with lib/systemd/boot/efi and lib/grub/i386-pc.
  bootFiles ? [
    (if nixos == null then pkgs.systemd else nixos.config.systemd.package)
  ]
  ++ pkgs.lib.optional bios pkgs.grub2,
  # Anything else of the sections `source` and `image` of docs/reference/options.md: { image.epoch = 1763596800; }
  settings ? { },
  # The program.
  pintle ? packageOf pkgs,
}:
let
  inherit (pkgs) lib;

  # The first dash that no letter follows begins the version, as everywhere in Nix.
  fullName = toplevel.name or (builtins.substring 33 (-1) (baseNameOf "${toplevel}"));
  parsed = builtins.parseDrvName (
    lib.toLower (lib.removePrefix "nixos-system-" (builtins.unsafeDiscardStringContext fullName))
  );
  given = value: default: if value != null then value else default;
  imageName = given name parsed.name;
  imageVersion = given version (if parsed.version == "" then "1" else parsed.version);

  sections = lib.recursiveUpdate {
    source = {
      nix = "${toplevel}";
      # The sandbox has the closure's paths, but no database of the store.
      nix-registration = "${pkgs.closureInfo { rootPaths = [ toplevel ]; }}/registration";
      nix-boot-files = map (folder: "${folder}") bootFiles;
      nix-label = label;
    };
    image = {
      inherit
        formats
        free
        size
        bios
        uefi
        ;
    };
  } settings;

  # Strings, numbers and lists of them are the same in JSON and in TOML.
  line = key: value: lib.optionalString (value != null) "${key} = ${builtins.toJSON value}\n";
  section = name: values: "[${name}]\n" + lib.concatStrings (lib.mapAttrsToList line values);
  definition = pkgs.writeText "system.toml" (
    line "name" imageName
    + line "version" imageVersion
    + lib.concatStrings (lib.mapAttrsToList section sections)
  );
in
pkgs.runCommand "${imageName}-image-${imageVersion}"
  {
    # The image names every path of the system, and needs none of them.
    __structuredAttrs = true;
    unsafeDiscardReferences.out = true;
    # It is larger than what it is made from.
    preferLocalBuild = true;
    passthru = { inherit toplevel definition; };
  }
  ''
    cp ${definition} system.toml
    # Through a pipe: Nix gives builders a terminal, and a log is no place for progress bars.
    PINTLE_CACHE_DIR="$PWD/cache" ${lib.getExe pintle} build system.toml --offline --output "$out" 2>&1 | cat
    cp pintle.lock "$out"
  ''
