"""Reports: text for people, JSON and JUnit for machines."""

from __future__ import annotations

import json
import textwrap
from xml.etree import ElementTree

from cpi.conformance.result import Report, Result

WIDTH = 116
WORDS = {"passed": "ok", "failed": "FAIL", "skipped": "skip"}


def line(result: Result) -> str:
    """One case: a line; if it failed, the sentence that is broken, why it matters, and what was seen."""
    first = f"{WORDS[result.outcome]:4}  {result.case.id:28}"
    if result.outcome == "passed":
        return f"{first} {result.seconds:7.2f} s"
    if result.outcome == "skipped":
        return f"{first}         {result.seen}"
    parts = [f"{first} {result.seconds:7.2f} s"]
    for name, text in (
        ("must", result.case.must),
        ("why", result.case.why),
        ("source", result.case.source),
        ("seen", result.seen),
    ):
        parts.append(textwrap.fill(text, WIDTH, initial_indent=f"      {name + ':':8}", subsequent_indent=" " * 14))
    parts += [f"      log:    {one[:WIDTH]}" for one in result.log]
    return "\n".join(parts)


def summary(report: Report) -> str:
    """The last lines."""
    counts = f"{report.count('passed')} passed, {report.count('failed')} failed, {report.count('skipped')} skipped"
    lines = [f"left behind: {one}" for one in report.left]
    lines += ["The check was cut short; what it had made was removed."] if report.stopped else []
    return "\n".join([*lines, f"CPI {report.name} ({report.way}, version {report.version}): {counts}"])


def to_json(report: Report) -> str:
    """One document: the CPI, and for each case its id, outcome, sentence and what was seen."""
    document = {
        "cpi": report.name,
        "way": report.way,
        "api_version": report.version,
        "declared": list(report.declared),
        "passed": report.count("passed"),
        "failed": report.count("failed"),
        "skipped": report.count("skipped"),
        "left": list(report.left),
        "stopped": report.stopped,
        "cases": [
            {
                "id": one.case.id,
                "outcome": one.outcome,
                "seconds": round(one.seconds, 3),
                "must": one.case.must,
                "why": one.case.why,
                "source": one.case.source,
                "seen": one.seen,
                "log": list(one.log),
            }
            for one in report.results
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def to_junit(report: Report) -> str:
    """One test suite, one test case for each case."""
    suite = ElementTree.Element(
        "testsuite",
        name=f"cpi.{report.name}",
        tests=str(len(report.results)),
        failures=str(report.count("failed")),
        skipped=str(report.count("skipped")),
        errors=str(len(report.left)),
        time=f"{sum(one.seconds for one in report.results):.3f}",
    )
    for one in report.results:
        node = ElementTree.SubElement(
            suite, "testcase", classname=f"cpi.{one.case.group}", name=one.case.id, time=f"{one.seconds:.3f}"
        )
        if one.outcome == "failed":
            told = "\n".join((f"must: {one.case.must}", f"why: {one.case.why}", f"seen: {one.seen}", *one.log))
            ElementTree.SubElement(node, "failure", message=_clean(one.seen)).text = _clean(told)
        elif one.outcome == "skipped":
            ElementTree.SubElement(node, "skipped", message=_clean(one.seen))
    if report.left:
        ElementTree.SubElement(suite, "system-err").text = _clean("\n".join(report.left))
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _clean(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return "".join(one for one in text if one in "\t\n" or one.isprintable())
