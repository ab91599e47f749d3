"""Keeps the events of one protocol: of OCSF events, one a line, what belongs to its sessions."""

import json
import sys

CLASSES = {"ssh": 4007, "kubernetes": 6003, "postgres": 6005, "http": 4002}
AUTHENTICATION = 3002

wanted = sys.argv[1]
if wanted not in CLASSES:
    sys.exit(f"only.py: {wanted}: not one of {', '.join(CLASSES)}")
for line in sys.stdin:
    event = json.loads(line)
    if event["class_uid"] == AUTHENTICATION:
        protocol = event.get("service", {}).get("name")
        keep = protocol == wanted
    else:
        keep = event["class_uid"] == CLASSES[wanted]
    if keep:
        sys.stdout.write(line)
