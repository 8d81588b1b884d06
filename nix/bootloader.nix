# NixOS module: boot entries of a running machine by Pintle, `boot.loader.pintle`. What `nixos-rebuild switch` and `boot`
# call then is `pintle install-bootspec`, which reads the generations' bootspecs and writes unified kernel images.
{ packageOf }:
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkEnableOption mkOption types;
  cfg = config.boot.loader.pintle;
  number = flag: value: lib.optionals (value != null) [ flag (toString value) ];
  arguments = [
    (lib.getExe cfg.package)
    "install-bootspec"
    "--esp"
    cfg.esp
    "--profile"
    "/nix/var/nix/profiles/system"
  ]
  ++ number "--configuration-limit" cfg.configurationLimit
  ++ number "--timeout" config.boot.loader.timeout
  ++ lib.optionals (cfg.key != null) [
    "--key"
    cfg.key
    "--certificate"
    cfg.certificate
  ];
in
{
  options.boot.loader.pintle = {
    enable = mkEnableOption "boot entries by Pintle, for machines that start by UEFI";
    package = mkOption {
      type = types.package;
      default = packageOf pkgs;
      defaultText = lib.literalExpression "the package of Pintle's flake, of this system's pkgs";
      description = "The program that installs them.";
    };
    esp = mkOption {
      type = types.str;
      default = config.boot.loader.efi.efiSysMountPoint;
      defaultText = lib.literalExpression "config.boot.loader.efi.efiSysMountPoint";
      description = "Where the EFI system partition is mounted.";
    };
    configurationLimit = mkOption {
      type = types.nullOr types.ints.positive;
      default = null;
      example = 20;
      description = "How many of the newest generations have entries; by default all of them.";
    };
    # Paths as text: a path of Nix would be copied into the store, where everybody can read it.
    key = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "/etc/secure-boot/db.key";
      description = "File with the private key that signs what the firmware starts.";
    };
    certificate = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "/etc/secure-boot/db.pem";
      description = "File with the certificate of `key`.";
    };
  };

  config = lib.mkIf cfg.enable {
    assertions = [
      {
        assertion = (cfg.key == null) == (cfg.certificate == null);
        message = "boot.loader.pintle: `key` and `certificate` go together, and only one of them is set";
      }
      {
        assertion = cfg.key == null || !lib.hasPrefix builtins.storeDir cfg.key;
        message = "boot.loader.pintle.key is in the store, where everybody can read it: name a file outside of it";
      }
    ];
    # `install-bootspec` runs what a generation names for them.
    boot.loader.supportsInitrdSecrets = true;
    boot.loader.external = {
      enable = true;
      # NixOS adds the toplevel.
      installHook = pkgs.writeShellScript "install-boot-entries" ''
        exec ${lib.escapeShellArgs arguments} "$@"
      '';
    };
  };
}
