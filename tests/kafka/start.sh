#!/usr/bin/env bash
# Starts one Apache Kafka node (KRaft: broker and controller in one) for the tests.
#
#   start.sh FOLDER [PORT]      keeps its data in FOLDER; a folder used before goes on where it was
#   start.sh --jars             only fetches the jars
#
# When the node takes requests, prints two lines: `pid=PID` (of the JVM) and `bootstrap=127.0.0.1:PORT`. It runs
# until it is killed, or until this script's standard input ends, so that it never outlives a test that died.
# Exit codes: 2 something is missing on this machine, 3 the jars cannot be fetched, 4 the node does not start.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
say() { echo "start.sh: $*" >&2; }

command -v java >/dev/null || { say "java is missing; install it: apt-get install openjdk-17-jre-headless"; exit 2; }
java=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -1)
if [ "${java:-0}" -lt 17 ]; then
    say "java is version ${java:-unknown}, Kafka 4 needs 17; install it: apt-get install openjdk-17-jre-headless"
    exit 2
fi

version=$(sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' "$here/pom.xml")
cache=${INTERDICT_CACHE:-$HOME/.cache/interdict}/kafka
jars=$cache/$version-$(cksum <"$here/pom.xml" | cut -d" " -f1)

. "$here/../maven.sh"
# Tests start several nodes at once; one fetches, the others wait.
maven_fetch "$here/pom.xml" "$jars" "the jars of Apache Kafka $version"
[ "${1:-}" = --jars ] && exit 0
folder=${1:?usage: start.sh FOLDER [PORT]}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 12000))
        (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
}
port=${2:-$(free_port)}
controller=$(free_port)

cat >"$folder/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$port
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$folder/data
# Nobody may make a topic by naming it.
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# Small segments, cleaned at once, so that a test sees compaction.
log.segment.bytes=1048576
log.cleaner.backoff.ms=200
log.cleaner.min.cleanable.ratio=0.01
log.cleaner.dedupe.buffer.size=8388608
# A small machine.
num.network.threads=2
num.io.threads=2
background.threads=2
PROPERTIES

class_path="$jars/*"
options=(-Xms64m -Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1
    -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dorg.slf4j.simpleLogger.log.kafka.server=info)
# Any valid id does: a node of one is a cluster of its own.
if ! java "${options[@]}" -cp "$class_path" kafka.tools.StorageTool format --ignore-formatted \
    -t aW50ZXJkaWN0LXRlc3RzLg -c "$folder/server.properties" >"$folder/format.log" 2>&1 </dev/null; then
    tail -20 "$folder/format.log" >&2
    say "the storage in $folder cannot be formatted"
    exit 4
fi

log=$folder/node.log
: >"$log"
java "${options[@]}" -cp "$class_path" kafka.Kafka "$folder/server.properties" >"$log" 2>&1 </dev/null &
node=$!
trap 'kill -KILL $node 2>/dev/null || true' EXIT
trap 'exit 0' TERM INT

for ((i = 0; i < 1200; i++)); do
    if ! kill -0 "$node" 2>/dev/null; then
        tail -20 "$log" >&2
        say "the node ended before it was ready; its log is $log"
        exit 4
    fi
    grep -q "Kafka Server started" "$log" && break
    sleep 0.1
done
if ! grep -q "Kafka Server started" "$log"; then
    tail -20 "$log" >&2
    say "the node was not ready within two minutes; its log is $log"
    exit 4
fi
echo "pid=$node"
echo "bootstrap=127.0.0.1:$port"

# Whichever ends first: the node, or the one who asked for it.
(cat >/dev/null; kill -KILL "$node" 2>/dev/null) <&0 &
wait "$node" 2>/dev/null || true
