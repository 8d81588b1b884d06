# The program, its manual pages and completions. Its tests need virtual machines and an archive: `cargo xtask test`.
{
  lib,
  rustPlatform,
  installShellFiles,
}:
let
  root = ../.;
  workspace = (lib.importTOML (root + "/Cargo.toml")).workspace;
in
rustPlatform.buildRustPackage {
  pname = "pintle";
  inherit (workspace.package) version;

  src = lib.fileset.toSource {
    inherit root;
    # What cargo reads, and what the program holds.
    fileset = lib.fileset.unions (
      map (name: root + "/${name}") [
        ".cargo"
        "Cargo.lock"
        "Cargo.toml"
        "bench"
        "bins"
        "flows"
        "formats"
        "fuzz"
        "keys"
        "model"
        "modules"
        "recipes"
        "rules"
        "testkit"
        "world"
        "xtask"
      ]
    );
  };
  cargoLock.lockFile = root + "/Cargo.lock";
  cargoBuildFlags = [ "--package=pintle" ];
  doCheck = false;

  nativeBuildInputs = [ installShellFiles ];
  postInstall = ''
    $out/bin/pintle docs docs
    installManPage docs/man/*.1
    for shell in bash fish zsh; do
      $out/bin/pintle completions $shell > pintle.$shell
      installShellCompletion pintle.$shell
    done
  '';

  meta = {
    description = "Builds, boots, provisions and updates declarative Linux servers";
    license = with lib.licenses; [
      mit
      asl20
    ];
    mainProgram = "pintle";
    platforms = lib.platforms.linux;
  };
}
