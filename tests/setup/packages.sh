#!/usr/bin/env bash
# packages.sh NAME... : installs the Debian packages of these names that are missing, without starting their services.
# Prints on standard output the names that could not be installed, one a line, and exits 0 all the same:
# whoever needs them skips by name.
set -euo pipefail

present() {
    case $1 in
        nodejs) command -v node && node -e 'process.exit(process.versions.node.split(".")[0] < 18 ? 1 : 0)' ;;
        npm | prosody | chromium | tmux | profanity | poezio) command -v "$1" ;;
        gcc) command -v cc ;;
        libc6-dev) [ -e /usr/include/stdio.h ] ;;
        postgresql) compgen -G '/usr/lib/postgresql/*/bin/initdb' || command -v initdb ;;
        kannel) [ -x /usr/sbin/bearerbox ] ;;
        *) [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ] ;;
    esac >/dev/null 2>&1
}

missing=()
for name in "$@"; do present "$name" || missing+=("$name"); done
[ ${#missing[@]} -gt 0 ] || exit 0

say() { echo "careline: $*" >&2; }
sudo=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        say "neither root nor sudo: cannot install ${missing[*]}"
        printf '%s\n' "${missing[@]}"
        exit 0
    fi
    sudo=(sudo)
fi
if ! command -v apt-get >/dev/null; then
    say "no apt-get here: install by hand: ${missing[*]}"
    printf '%s\n' "${missing[@]}"
    exit 0
fi
log=$(mktemp)

# Debian starts a service as soon as it is installed; ours run on ports and folders of their own. policy-rc.d is the
# documented way to say no, and is taken away again however this script ends, unless it was there before.
policy=/usr/sbin/policy-rc.d
ours=
cleanup() {
    [ -z "$ours" ] || "${sudo[@]}" rm -f "$policy"
    rm -f "$log"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
if [ ! -e "$policy" ]; then
    ours=yes
    printf '#!/bin/sh\n# by careline packages.sh, while it installs\nexit 101\n' | "${sudo[@]}" tee "$policy" >/dev/null
    "${sudo[@]}" chmod 755 "$policy"
fi

apt() { "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" >>"$log" 2>&1 </dev/null; }
add() { apt install --no-install-recommends "$@"; }
erlang=() # its port mapper is a service as well; where Erlang was before us, others may need it
present erlang-base || erlang=(epmd.socket epmd.service)
say "installing ${missing[*]} ..."
apt update || say "apt-get update failed; trying with the lists that are here"
if ! add "${missing[@]}"; then
    say "not all at once; one by one"
    for name in "${missing[@]}"; do add "$name" || true; done
fi

failed=()
for name in "${missing[@]}"; do
    if ! present "$name"; then
        failed+=("$name")
        continue
    fi
    # Not at the next boot either: only what was installed just now, only where systemd rules.
    case $name in
        ejabberd) services=(ejabberd "${erlang[@]}") ;;
        prosody | postgresql | kannel) services=("$name") ;;
        *) continue ;;
    esac
    [ ! -d /run/systemd/system ] || "${sudo[@]}" systemctl disable --quiet --now "${services[@]}" >>"$log" 2>&1 || true
done
if [ ${#failed[@]} -gt 0 ]; then
    tail -n 20 "$log" >&2
    say "could not be installed: ${failed[*]}"
    printf '%s\n' "${failed[@]}"
fi
