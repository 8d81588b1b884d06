#!/bin/bash
# make.sh OUT: builds a real Nix closure of two generations (system.nix) with Debian's own Nix, on a Debian machine
# where no Nix is installed. Needs apt, dpkg-deb and user namespaces (Nix's sandbox), neither root nor KVM; touches
# nothing outside of OUT. `pintle_testkit::nix::fixture()` calls it once and keeps the result.
#
# OUT/root/nix/{store,var}    both generations, with the database; OUT/registration: what `nix-store --dump-db` says
# OUT/path-info.json          what `nix path-info --json` says, as the expected hashes
# OUT/cache, OUT/cache-xz     signed binary caches (zstd with listings, xz); OUT/cache.pub, OUT/cache.sec: their keys
# OUT/gen1, OUT/gen2          path of each toplevel; OUT/gen*.boot.json: its boot.json
# OUT/root-more               a store with two further systems: OUT/with-nix has Nix among its programs, OUT/secrets a
#                             program that adds secrets to its initrd
# OUT/in                      what system.nix is made of
# OUT/nix, OUT/conf           Nix itself, to be run by its own dynamic linker, and its settings
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$(realpath -m "${1:?usage: $0 OUT}")
suite=trixie
[ "$(dpkg --print-architecture)" = amd64 ] || { echo "the toy system is made of amd64 packages" >&2; exit 1; }
work=$out/work
in=$out/in
mkdir -p "$work"/apt/{lists,archives}/partial "$in/seed/bin" "$in/nix-bin" "$out/nix" "$out/conf"
step() { printf '[%4ss] %s\n' $SECONDS "$*" >&2; }

# 1. A private apt: own sources, own (empty) status file. The mirror is the one this machine uses for its own release.
step "packages of $suite"
codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
mirror=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' | awk -v release="$codename" '$1 == release { print $2; exit }')
[ -n "$mirror" ] || { echo "no Debian mirror found in this machine's apt sources (is apt-get update due?)" >&2; exit 1; }
: > "$work/apt/status"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" > "$work/apt/sources.list"
apt=(apt-get -qq -o Dir::Etc::SourceList="$work/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null
  -o Dir::State="$work/apt" -o Dir::State::status="$work/apt/status" -o Dir::Cache="$work/apt"
  -o APT::Install-Recommends=false -o APT::Sandbox::User= -o Debug::NoLocking=true -o Acquire::Languages=none)
"${apt[@]}" update
"${apt[@]}" -y --download-only install nix-bin
# The version is part of the kernel package's name: the metapackage knows it.
kernel=$("${apt[@]}" --print-uris install linux-image-cloud-amd64 | grep -oE 'linux-image-[0-9][^_ ]*' | sed 's/%2b/+/g' | head -1)
(cd "$work/apt" && "${apt[@]}" download busybox-static runit libc6 "$kernel")

# 2. Nix, unpacked.
step "nix"
for deb in "$work"/apt/archives/*.deb; do
  case ${deb##*/} in perl*|libperl*|*-perl_*|passwd_*|debconf_*) ;; *) dpkg-deb -x "$deb" "$out/nix" ;; esac
done
rm -rf "$out"/nix/usr/share/{doc,man,locale,zsh,bash-completion,lintian}
# Debian's own setting makes /bin/sh of the sandbox its bash-static; a reserve of 8 MB would lie beside the database.
cat > "$out/conf/nix.conf" <<'SETTINGS'
experimental-features = nix-command ca-derivations
build-users-group =
substituters =
sandbox = true
sandbox-paths =
gc-reserved-space = 0
SETTINGS
lib=$out/nix/usr/lib/x86_64-linux-gnu
store=$work/store
nix() { # nix PROGRAM ARGUMENTS: on the store in $store; all state stays in OUT
  NIX_CONF_DIR=$out/conf NIX_REMOTE=$store HOME=$work XDG_CACHE_HOME=$work/cache \
    "$lib/ld-linux-x86-64.so.2" --library-path "$lib" --argv0 "$1" "$out/nix/usr/bin/nix" "${@:2}"
}

# 3. What system.nix is made of, under names without versions.
for package in busybox-static runit libc6; do cp "$work"/apt/"${package}"_*.deb "$in/$package.deb"; done
cp "$work"/apt/linux-image-*.deb "$in/linux.deb"
# Nix with the libraries that it needs, by the word of its own dynamic linker.
cp "$out/nix/usr/bin/nix" "$lib/ld-linux-x86-64.so.2" "$in/nix-bin/"
"$lib/ld-linux-x86-64.so.2" --library-path "$lib" --list "$out/nix/usr/bin/nix" |
  sed -n 's/.* => \(.*\) (0x.*/\1/p' | while read -r file; do cp -L "$file" "$in/nix-bin/"; done
# Its name must start with busybox: Nix passes a builder's base name as argv[0].
dpkg-deb --fsys-tarfile "$in/busybox-static.deb" | tar -xO ./usr/bin/busybox > "$in/seed/bin/busybox"
chmod 755 "$in/seed/bin/busybox"

# 4. All systems, built in Nix's sandbox.
for generation in gen1 gen2 with-nix secrets; do
  step "$generation"
  # Without build-hook: Nix would start /proc/self/exe for it, which is the dynamic linker here.
  nix nix-build --quiet --option build-hook '' --no-out-link --arg debs "$in" -A $generation "$here/system.nix" > "$out/$generation"
done
toplevels=("$(cat "$out/gen1")" "$(cat "$out/gen2")")
more=("$(cat "$out/with-nix")" "$(cat "$out/secrets")")

# 5. A store of its own, caches, texts.
step "copies"
nix nix copy --quiet --no-check-sigs --to "$out/root" "${toplevels[@]}"
nix nix copy --quiet --no-check-sigs --to "$out/root-more" "${more[@]}"
nix nix key generate-secret --key-name fixture-1 > "$out/cache.sec"
nix nix key convert-secret-to-public < "$out/cache.sec" > "$out/cache.pub"
nix nix copy --quiet --to "file://$out/cache?compression=zstd&write-nar-listing=true&secret-key=$out/cache.sec" "${toplevels[@]}"
nix nix copy --quiet --to "file://$out/cache-xz?compression=xz&secret-key=$out/cache.sec" "${toplevels[@]}"
chmod -R u+w "$work/store"
store=$out/root
nix nix-store --dump-db > "$out/registration"
nix nix path-info --json --recursive "${toplevels[@]}" > "$out/path-info.json"
ln -s "$(cat "$out/gen1")" "$out/root/nix/var/nix/profiles/system-1-link"
ln -s system-1-link "$out/root/nix/var/nix/profiles/system"
for generation in gen1 gen2; do cat "$out/root$(cat "$out/$generation")/boot.json" > "$out/$generation.boot.json"; done
rm -rf "$work"
step "done"
