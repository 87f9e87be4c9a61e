"""`python -m reports.compare BASE HEAD` compares two runs, which proves nothing; `… PAIRS_FOLDER` pairs, which can.

Two runs that are not comparable leave no page in the folder of either.
"""

import argparse
import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.errors import PlanError, RunError, command
from harness.reported import VERDICT, store
from harness.run import PAIRS, PAIRS_SCHEMA
from harness.verdict import EXIT_CODES, Verdict
from reports import comparability, verdict_file
from reports.render import compare_page
from reports.statistics.paired import Change, ComparedMetric, compare

METRICS = (
    ComparedMetric("p50", higher_is_better=False, least=0.05, floor=0.001),
    ComparedMetric("p95", higher_is_better=False, least=0.05, floor=0.001),
    ComparedMetric("goodput", higher_is_better=True, least=0.05, floor=0.0),
)
"""What is compared, each with the least change that counts. Not more: corrected for a fourth, six pairs could prove
nothing (4 / 2**6 > 5 %). Times in s, goodput a second.
"""

OF_PAIRS, OF_A_PAIR = {"scenario", "profile", "base", "head", "pairs"}, {"base", "head"}
"""What pairs.json has."""

NOT_COMPARABLE = "NOT COMPARABLE"
COMPARISON, PAGE = "comparison.json", "comparison.html"
SEEDED = "seeding.digest"
"""What may differ from pair to pair, and never within one."""
FAR = 1.5
"""A proven regression by more than this factor is NO-GO, any other CONDITIONAL."""

Record = dict[str, Any]


def comparison(base: list[Record], head: list[Record], about: dict[str, Any]) -> dict[str, Any]:
    """The comparison of pairs of verdict.json: pair n is `base[n]` and `head[n]`. `about` describes base and head.

    NOT COMPARABLE, and without figures, if any of them ran on something else, or is INVALID.
    """
    reasons = [_why_not(b, h, pair) for pair, (b, h) in enumerate(zip(base, head, strict=True), 1)]
    # Each pair has a seed of its own, so that one draw of users and pool decides nothing.
    reasons += [_why_not(base[0], other, 1, but=(SEEDED,)) for other in base[1:]]
    found = {
        **about,
        "pairs": len(base),
        "reasons": sorted({reason for those in reasons for reason in those}),
        "base_fingerprint": comparability.fingerprint(base[0]),
        "head_fingerprint": comparability.fingerprint(head[0]),
        "metrics": [],
        "spectra": [
            {"side": side, "points": one["spectrum"]} for side, ones in (("base", base), ("head", head)) for one in ones
        ],
    }
    if found["reasons"]:
        return {**found, "change": NOT_COMPARABLE}
    values = [[[_value(metric, one) for one in ones] for metric in METRICS] for ones in (base, head)]
    # What a run did not measure is 0: a ratio has no place for it.
    measured = [place for place in range(len(METRICS)) if all(v > 0 for side in values for v in side[place])]
    results = compare(
        [METRICS[p] for p in measured], [values[0][p] for p in measured], [values[1][p] for p in measured]
    )
    found["metrics"] = [
        {**_finite(asdict(one)), "change": str(one.change), "base": values[0][place], "head": values[1][place]}
        for place, one in zip(measured, results, strict=True)
    ]
    changes = {one.change for one in results}
    order = (Change.REGRESSED, Change.INCONCLUSIVE, Change.IMPROVED, Change.NO_CHANGE)
    found["change"] = str(next((change for change in order if change in changes), Change.INCONCLUSIVE))
    return found


def verdict(found: dict[str, Any]) -> Verdict:
    """The verdict of a comparison for a merge: uncertainty can demote, and never excuses."""
    if found["change"] == NOT_COMPARABLE:
        return Verdict.INVALID
    worse = [
        1 / one["ratio"] if one["metric"]["higher_is_better"] else one["ratio"]
        for one in found["metrics"]
        if one["change"] == Change.REGRESSED
    ]
    if worse:
        return Verdict.NO_GO if max(worse) > FAR else Verdict.CONDITIONAL
    return Verdict.CONDITIONAL if found["change"] == Change.INCONCLUSIVE else Verdict.GO


def _why_not(one: Record, other: Record, pair: int, but: tuple[str, ...] = ()) -> list[str]:
    """Why two runs can't be compared; they may differ in `but`."""
    reasons = comparability.reasons(one, other, but)
    for record in (one, other):
        # Of a NO-GO what is said of its validity is a warning: figures that miss a rule are figures all the same.
        means_nothing = {"check", "target"} & {cause["about"] for cause in record["causes"]}
        if record["verdict"] == Verdict.INVALID or (record["verdict"] == Verdict.NO_GO and means_nothing):
            reasons.append(f"pair {pair}: run {record['run']['id']} is {record['verdict']}: {record['reason']}")
    return reasons


def _value(metric: ComparedMetric, record: Record) -> float:
    """What a run measured of `metric`; 0 if nothing."""
    total = record["operations"][-1]
    if metric.name == "goodput":
        count = total["count"]
        return float(total["rate"] * (count - total["errors"]) / count) if count else 0.0
    return float(total["response"][metric.name] or 0.0)


def _finite(one: dict[str, Any]) -> dict[str, Any]:
    """Without numbers that JSON doesn't have: an end of an interval that is not known is None."""
    unknown = (0.0, math.inf)
    return {**one, **{name: None if one[name] in unknown else one[name] for name in ("low", "high")}}


def read(folder: Path) -> Record:
    """verdict.json of the run in `folder`; RunError if there is none that can be relied on and measured something."""
    path = folder / VERDICT
    record = verdict_file.read(path)
    if not record["operations"]:
        raise RunError(f"{path}: it measured nothing: {record['reason']} Expected a run with a whole report")
    return record


def pairs_of(folder: Path) -> tuple[list[Record], list[Record], dict[str, Any]]:
    """The records of the pairs that `harness.ab` made, and what they are of."""
    path = folder / PAIRS
    try:
        facts = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: {error}: expected the folder of `make perf-ab`") from None
    schema = facts.get("schema") if isinstance(facts, dict) else None
    if schema != PAIRS_SCHEMA:
        raise RunError(f"{path}: schema {schema!r}, expected {PAIRS_SCHEMA}: run the pairs again")
    pairs = facts.get("pairs")
    whole = isinstance(pairs, list) and pairs and all(isinstance(p, dict) and p.keys() >= OF_A_PAIR for p in pairs)
    if not whole or not facts.keys() >= OF_PAIRS:
        raise RunError(f"{path}: expected pairs of runs in it: the file is damaged; run the pairs again")
    base, head = ([read(Path(pair[side])) for pair in facts["pairs"]] for side in ("base", "head"))
    about = {name: facts[name] for name in ("scenario", "profile", "base", "head")}
    return base, head, {**about, "advisory": False}


def main() -> int:
    """Compare what the command line names; the exit code. Of two runs that can be compared 0: they prove nothing."""
    parser = argparse.ArgumentParser(prog="python -m reports.compare", description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", help="two run folders, or one of pairs (`make perf-ab`)")
    folders = parser.parse_args().folders
    if len(folders) > 2:
        raise PlanError(f"{len(folders)} folders: expected two runs, or one folder of pairs")
    if len(folders) == 1:
        base, head, about = pairs_of(folders[0])
    else:
        base, head = [read(folders[0])], [read(folders[1])]
        run = head[0]["run"]
        sides = {"base": {"ref": base[0]["run"]["id"]}, "head": {"ref": run["id"]}}
        about = {"scenario": run["scenario"], "profile": run["profile"], **sides, "advisory": True}
    found = comparison(base, head, about)
    into = folders[-1]
    if about["advisory"] and found["change"] == NOT_COMPARABLE:
        print(compare_page.text(found))
        return EXIT_CODES[verdict(found)]
    store(into / COMPARISON, json.dumps(found, indent=2, allow_nan=False) + "\n")
    store(into / PAGE, compare_page.render(found))
    print(compare_page.text(found))
    print(f"  {into / PAGE}  {COMPARISON}")
    return 0 if about["advisory"] else EXIT_CODES[verdict(found)]


if __name__ == "__main__":
    command(main)
