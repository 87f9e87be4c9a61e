"""[contract] and [database] of a plan: what of those of a system it states otherwise, key by key."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from harness.errors import nearest
from harness.plan import contract, names, template
from harness.plan.toml_table import Table, Where


def read(known: Mapping[str, Any], facts: Any, part: str, tables: Mapping[str, Any], where: Where) -> dict[str, Any]:
    """What is `known` of a system's contract, or of the names in its database, with what the plan states instead."""
    place = replace(where, part=part)
    own = Table(place, part, tables.get(part, {})).rest
    unlike = contract.unlike if part == "contract" else names.unlike
    may_lack = getattr(facts, "MAY_LACK", None) if part == "database" else None
    for key, value in own.items():
        if key not in known:
            place.fail(key, f"unknown key {key!r}; {nearest(key, known)}")
        if type(value) is not type(known[key]):
            place.fail(key, f"{key} = {value!r}: expected something like {known[key]!r}")
        if value == "" and may_lack is not None and key not in may_lack:
            place.fail(key, f"{key} = '': expected a name; there may be no {', '.join(sorted(may_lack))}")
        if expected := unlike(key, value, known[key]):
            place.fail(key, f"{key} = {value!r}: expected {expected}")
        if part == "contract":
            words = tuple(contract.places(key, known[key], facts))
            if word := template.unknown(value, words):
                place.fail(f"{{{word}}}", f"{key}: unknown word {{{word}}}; {nearest(word, words)}", after=key)
    found = {**known, **own}
    if part == "contract":
        _require_distinct(found, own, place)
    return found


def _require_distinct(found: Mapping[str, Any], own: Mapping[str, Any], where: Where) -> None:
    """PlanError if the plan gives one status to something done and to something else."""
    for pair in contract.alike(found):
        if own.keys() & set(pair[:2]):
            key, other = sorted(pair[:2], key=lambda name: name not in own)
            where.fail(key, f"{key} = {pair[2]}, as {other}: expected two statuses, or what was done can't be told")
