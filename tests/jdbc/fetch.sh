#!/usr/bin/env bash
# Fetches PostgreSQL's JDBC driver once, and prints the class path.
# Exit codes: 2 something is missing on this machine, 3 the driver cannot be fetched.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
say() { echo "fetch.sh: $*" >&2; }
command -v java >/dev/null || { say "java is missing; run deploy/packages.sh test"; exit 2; }
jars=${INTERDICT_CACHE:-$HOME/.cache/interdict}/jdbc/$(cksum <"$here/pom.xml" | cut -d" " -f1)
. "$here/../maven.sh"
maven_fetch "$here/pom.xml" "$jars" "PostgreSQL's JDBC driver"
echo "$jars/*"
