"""What legitimate activity of each kind cost, out of a pooled report of the scorer: false alerts on attack-free days, and
sessions that a verdict would have refused."""

import json
import sys

report = json.load(open(sys.argv[1]))
alerts = report["false_positives"]
refused = {effect: report["false_verdicts"][effect]["by_kind"] for effect in ("block", "require_approval")}
kinds = sorted({*alerts["by_kind"], *refused["block"], *refused["require_approval"]})
print("  by kind of legitimate activity: false alerts a day; of 100,000 legitimate sessions blocked, held")
for kind in kinds:
    day = alerts["by_kind"].get(kind, {}).get("per_day", 0)
    blocked, held = (refused[effect].get(kind, {}).get("per_100k", 0) for effect in ("block", "require_approval"))
    print(f"    {kind:<22} {day:>5.2f} {blocked:>9.1f} {held:>9.1f}")
for effect, word in (("block", "blocked"), ("require_approval", "held")):
    of = report["false_verdicts"][effect]
    false = of["from_false_alerts"]
    print(f"    {of['sessions']} {word}: {false} by false alerts, the others acted as an attack's identity")
