"""The same figure reads the same in every rendering: page, summary, terminal."""

import re
import unicodedata
from collections.abc import Callable
from typing import Any

from harness import quantities
from harness.plan.rules import COUNT, DURATION, DURATION_SLOPE, NUMBER, NUMBER_SLOPE, RATE, SHARE

SYMBOLS = {
    "GO": "✓",
    "UNCHECKED": "○",
    "CONDITIONAL": "!",
    "NO-GO": "✗",
    "INVALID": "?",
    "PASS": "✓",
    "UNPROVEN": "!",
    "ERROR": "?",
    "NOT COMPARED": "–",
    "HOLDS": "✓",
    "VIOLATED": "✗",
    "UNDECIDED": "?",
    "ok": "✓",
    "warning": "!",
    "broken": "✗",
    "not applicable": "–",
}
"""The symbol beside each word of a state, so that no state is shown by its colour alone."""


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


_FORMATS: dict[str, Callable[[float], str]] = {
    DURATION: quantities.duration,
    SHARE: quantities.share,
    RATE: quantities.rate,
    COUNT: "{:,.0f}".format,
    NUMBER: _number,
    DURATION_SLOPE: lambda value: f"{quantities.duration(value)}/min",
    NUMBER_SLOPE: lambda value: f"{_number(value)}/min",
}


def figure(value: float | None, kind: str) -> str:
    """`value` of a rule's kind with its unit; – if there is none."""
    return "–" if value is None else _FORMATS[kind](value)


def measured(rule: dict[str, Any]) -> str:
    """What a rule of verdict.json measured; "never" for what is infinitely late."""
    if rule["value"] is None and rule["state"] not in ("ERROR", "NOT COMPARED"):
        return "never"
    return figure(rule["value"], rule["kind"])


def limit(rule: dict[str, Any]) -> str:
    """Its limit, with the comparison that was asked for."""
    return "–" if rule["limit"] is None else f"{rule['comparison']} {figure(rule['limit'], rule['kind'])}"


def margin(rule: dict[str, Any]) -> str:
    """How far the limit is, in words."""
    left = rule["margin"]
    if left is None:
        return "–"
    if left == 0:
        return "at its limit"
    if left > 0:
        return f"{quantities.share(left)} {'above' if rule['comparison'].startswith('>') else 'left'}"
    return f"{quantities.share(-left)} {'short' if rule['comparison'].startswith('>') else 'over'}"


def interval(rule: dict[str, Any]) -> str:
    """Where the value is with 95 % confidence; ? is an end that the run is too short for, – is for a count."""
    if rule["interval"] is None:
        return "–"
    low, high = ("?" if end is None else figure(end, rule["kind"]) for end in rule["interval"])
    return f"{low} … {high}"


def condition(one: dict[str, Any]) -> str:
    """The state of a condition of verdict.json, and whether a warning is harmless: it could change no rule."""
    harmless = one["state"] == "warning" and one["consequence"] and not one["reach"]
    return f"{one['state']}, harmless" if harmless else str(one["state"])


def said(one: dict[str, Any]) -> str:
    """What a condition found, and what that could change."""
    return "; ".join(part for part in (one["value"], one["consequence"]) if part)


def disturbed(one: dict[str, Any]) -> str:
    """What was done to target, database or network, when, and what came of it."""
    if one["failed"]:
        came = f"failed: {one['failed']}"
    else:
        until = one["done"] if one["ended"] is None else one["ended"]
        took = "" if until is None else f" in {quantities.duration(until - one['began'])}"
        came = f"{one['said'] or 'done'}{took}"
    return f"{one['disturb']} at {one['began']:.1f} s ({one['phase']}): {came}"


def printable(text: str) -> str:
    """`text` without what a terminal obeys or XML can't hold: control characters, direction marks, lone surrogates.

    Passwords in URLs are masked too, for what is printed is passed on.
    """
    # What is printable by Python's own account shows, too; a report has a thousand texts, nearly all of them such.
    kept = text if text.isprintable() else "".join(char if _shows(char) else "\ufffd" for char in text)
    return re.sub(r"(://)[^/@\s]*@", r"\1***@", kept)


def _shows(char: str) -> bool:
    return char in "\n\t" or (unicodedata.category(char) not in ("Cc", "Cf", "Cs") and char not in "\ufffe\uffff")


def overlap(totals: dict[str, Any]) -> str:
    """How many operations met others: what is lost only when several meet shows in as far as they did."""
    met = f"; {figure(totals['met'], SHARE)} of all met another" if totals["met"] is not None else ""
    return f"Up to {totals['at_once']:,} operations were in flight at once{met}."
