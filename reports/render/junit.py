"""A CI server that knows only JUnit sees each rule, check and condition pass, fail or be in error."""

from typing import Any
from xml.etree import ElementTree as xml

from reports import figures

_FAILURE, _ERROR = "failure", "error"
_STATES = {
    "NO-GO": _FAILURE,
    "VIOLATED": _FAILURE,
    "ERROR": _ERROR,
    "UNDECIDED": _ERROR,
    "broken": _ERROR,
}
_SAID = ("UNCHECKED", "CONDITIONAL", "UNPROVEN", "warning")
"""What is not above passes; these do too, as JUnit has no word for them, and say so on their standard output."""
_SKIPPED = ("NOT COMPARED", "not applicable")


def render(verdict: dict[str, Any]) -> str:
    """junit.xml of `verdict`, the contents of verdict.json."""
    scenario = verdict["run"]["scenario"]
    suite = xml.Element("testsuite", name=scenario)
    for rule in verdict["rules"]:
        said = f"{figures.measured(rule)}, limit {figures.limit(rule)}, margin {figures.margin(rule)}, "
        said += f"95 % interval {figures.interval(rule)}, n {rule['n']:,}"
        blocks = rule["severity"] == "blocker" or (rule["severity"] == "major" and rule["state"] == "NO-GO")
        _case(suite, f"{scenario}.rules", rule["text"], rule["state"], _join(said, rule["detail"]), blocks)
    for check in verdict["checks"]:
        said = f"{check['witnesses']:,} of {check['compared']:,} {check['what']}"
        name = f"{check['id']}: {check['title']}"
        _case(suite, f"{scenario}.checks", name, check["state"], _join(said, check["detail"]))
    for one in verdict["validity"]:
        said = f"{figures.said(one)}; needed: {one['limit']}"
        _case(suite, f"{scenario}.validity", f"{one['id']}: {one['title']}", one["state"], said)
    _case(suite, scenario, "verdict", _VERDICTS.get(verdict["verdict"], verdict["verdict"]), verdict["reason"])
    for attribute, tag in (("tests", "testcase"), ("failures", _FAILURE), ("errors", _ERROR), ("skipped", "skipped")):
        suite.set(attribute, str(sum(1 for _ in suite.iter(tag))))
    xml.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + xml.tostring(suite, encoding="unicode") + "\n"


_VERDICTS = {"INVALID": "broken"}


def _join(*parts: str) -> str:
    return ": ".join(part for part in parts if part)


def _case(suite: xml.Element, classname: str, name: str, state: str, said: str, blocks: bool = True) -> None:
    case = xml.SubElement(suite, "testcase", classname=classname, name=name)
    if state in _STATES and blocks:
        xml.SubElement(case, _STATES[state], message=f"{state}: {said}", type=state).text = said
    elif state in _STATES or state in _SAID:
        xml.SubElement(case, "system-out").text = f"{state}: {said}"
    elif state in _SKIPPED:
        xml.SubElement(case, "skipped", message=f"{state}: {said}")
