#!/usr/bin/env bash
# Scores the detector with an evaluation kit: a generator and a scorer of labelled attacks among look-alikes.
# Usage: run.sh KIT SEED... ; KIT is the folder with generate.py, score.py and public.toml. Writes to evaluation-out/.
# Then once more for each part left out, so that one sees what it is worth: RULES=without-habit.toml run.sh KIT SEED...
# or with one protocol's sessions alone: ONLY=ssh run.sh KIT SEED...
set -euo pipefail
kit=${1:?usage: run.sh KIT SEED...}
shift
(($# > 0)) || { echo "run.sh: name at least one seed" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
out=${OUT:-evaluation-out}
rules=$here/${RULES:-whole.toml}
interdict=${INTERDICT:-interdict}
reports=()
for seed in "$@"; do
  set=$out/$seed
  # Made aside, so that one that was interrupted is made again.
  if [[ ! -d $set ]]; then
    rm -rf "$set.part"
    python3 "$kit/generate.py" --config "$kit/public.toml" --set "run.seed=$seed" --out "$set.part"
    mv "$set.part" "$set"
  fi
  name=alerts${RULES:+-${RULES%.toml}}${ONLY:+-only-$ONLY}
  events=$set/events${ONLY:+-$ONLY}.jsonl
  if [[ ! -e $events ]]; then
    python3 "$here/only.py" "$ONLY" < "$set/events.jsonl" > "$events.part"
    mv "$events.part" "$events"
  fi
  "$interdict" forensics --rules "$rules" --events "$events" --alerts "$set/$name.jsonl"
  python3 "$kit/score.py" --truth "$set/truth.jsonl" --alerts "$set/$name.jsonl" --json "$set/$name.json" --quiet
  reports+=("$set/$name.json")
done
pooled=$out/${name/alerts/pooled}.json
python3 "$kit/score.py" --pool "${reports[@]}" --json "$pooled"
python3 "$here/kinds.py" "$pooled"
