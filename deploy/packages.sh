#!/usr/bin/env bash
# Installs what building, the demo and the tests need and this machine lacks. Says what it installs; says what to do
# where it cannot (no apt-get, not root). Usage: packages.sh test|bench
set -euo pipefail

declare -A package=(
  [cc]=build-essential [cmake]=cmake [pkg-config]=pkg-config [clang]=clang
  [psql]=postgresql-client [ssh]=openssh-client [sshd]=openssh-server [curl]=curl [git]=git
  [java]=default-jdk-headless [mvn]=maven [zstd]=zstd [asciinema]=asciinema
  [python3]=python3
)
if [[ "${1:-test}" == bench ]]; then
  package=([pgbouncer]=pgbouncer [nginx]=nginx-light)
fi

PATH="$PATH:/usr/sbin:/sbin"
missing=()
for command in "${!package[@]}"; do
  command -v "$command" >/dev/null || missing+=("${package[$command]}")
done
if [[ "${1:-test}" == test ]]; then
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || missing+=(postgresql)
  compgen -G '/usr/lib/postgresql/*/bin/pgbench' >/dev/null || command -v pgbench >/dev/null || missing+=(postgresql)
  compgen -G '/usr/lib/llvm-*/lib/libclang*.so*' >/dev/null || missing+=(libclang-dev)
  python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
  [[ -e /usr/include/openssl/ssl.h ]] || missing+=(libssl-dev)
  command -v cargo >/dev/null || { echo "packages: cargo is missing; install Rust 1.95 or later from rustup.rs" >&2; exit 1; }
fi

# An S3-compatible server for the tests, in a folder of its own: Debian has none.
s3_server() {
  local made="${XDG_CACHE_HOME:-$HOME/.cache}/interdict/s3"
  if [[ "$1" != test ]] || "$made/bin/python" -c 'import moto.server' 2>/dev/null || python3 -c 'import moto.server' 2>/dev/null; then
    return
  fi
  echo "packages: installing moto[server] 5.2.1 into $made"
  python3 -m venv --clear "$made"
  "$made/bin/pip" install --quiet --disable-pip-version-check 'moto[server]==5.2.1'
}

if ((${#missing[@]} == 0)); then
  s3_server "${1:-test}"
  exit 0
fi

mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
echo "packages: installing ${missing[*]}"
if ! command -v apt-get >/dev/null; then
  echo "packages: no apt-get here; install the equivalents of: ${missing[*]}" >&2
  exit 1
fi
as_root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null || { echo "packages: run as root: apt-get install ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
# A server package must not start a service of its own: every server here runs in a temporary folder.
"${as_root[@]}" env RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
s3_server "${1:-test}"
