#!/usr/bin/env bash
# Fetches PostgreSQL's JDBC driver once, and prints the class path.
# Exit codes: 2 something is missing on this machine, 3 the driver cannot be fetched.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
say() { echo "fetch.sh: $*" >&2; }
for command in java mvn; do
    command -v "$command" >/dev/null || { say "$command is missing; run deploy/packages.sh test"; exit 2; }
done
cache=${INTERDICT_CACHE:-$HOME/.cache/interdict}/jdbc
jars=$cache/$(cksum <"$here/pom.xml" | cut -d" " -f1)
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
if [ ! -e "$jars/complete" ]; then
    rm -rf "$jars"
    if ! mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$jars" >"$cache/mvn.log" 2>&1 </dev/null; then
        tail -20 "$cache/mvn.log" >&2
        say "Maven cannot fetch the driver; is Maven Central, or the mirror in ~/.m2/settings.xml, reachable?"
        exit 3
    fi
    touch "$jars/complete"
fi
echo "$jars/*"
