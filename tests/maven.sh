# Sourced: fetches what a pom.xml depends on into a folder, once, however many ask at the same time. Whoever sources it
# has `say`, and ends with 2 when something is missing on this machine, with 3 when it cannot be fetched.

# maven_fetch POM FOLDER WHAT
maven_fetch() {
    local pom=$1 folder=$2 what=$3 cache
    [ -e "$folder/complete" ] && return
    command -v mvn >/dev/null || { say "mvn is missing; run deploy/packages.sh test"; exit 2; }
    cache=$(dirname "$folder")
    mkdir -p "$cache"
    exec 9>"$cache/lock"
    flock 9
    [ -e "$folder/complete" ] && { exec 9>&-; return; }
    say "fetching $what into $folder"
    rm -rf "$folder"
    if ! mvn -q -B -f "$pom" dependency:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$folder" >"$cache/mvn.log" 2>&1 </dev/null; then
        tail -20 "$cache/mvn.log" >&2
        say "Maven cannot fetch $what; is Maven Central, or the mirror in ~/.m2/settings.xml, reachable?"
        exit 3
    fi
    touch "$folder/complete"
    exec 9>&-
}
