"""`python -m reliability [--only 1,5] [--quick] [--part P] [--json]`: runs rows of the scoreboard, prints the table."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import Any

from reliability.board import Effort, Row, SkippedError
from reliability.child import Child

QUICK = 0.02
# A row that takes longer, in seconds, has failed.
LONGEST = 4 * 3600


def main() -> int:
    """Runs the rows asked for; 1 if one fails."""
    parser = argparse.ArgumentParser(prog="python -m reliability", description=__doc__)
    parser.add_argument("--only", metavar="1,5", help="numbers of the rows to run")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK:.0%}% of the full counts: minutes")
    parser.add_argument("--part", type=float, default=1.0, metavar="P", help="part of the full counts to run")
    parser.add_argument("--seed", type=int, default=0, help="of all that is random")
    parser.add_argument("--json", action="store_true", help="print an object a row")
    given = parser.parse_args()
    from reliability.rows import ROWS

    chosen = {int(number) for number in given.only.split(",")} if given.only else {row.number for row in ROWS}
    unknown = chosen - {row.number for row in ROWS}
    if unknown:
        parser.error(f"--only: expected rows {', '.join(str(row.number) for row in ROWS)}, found {unknown}")
    effort = Effort(QUICK if given.quick else given.part, given.seed)
    results = []
    for row in ROWS:
        if row.number in chosen:
            results.append(_result(row, effort))
            print(json.dumps(results[-1]) if given.json else _line(results[-1]), flush=True)
    failed = [result["row"] for result in results if result["verdict"] == "fail"]
    if not given.json:
        passed = sum(result["verdict"] == "pass" for result in results)
        print(f"{passed} of {len(results)} pass{'; failed: ' + ', '.join(map(str, failed)) if failed else ''}")
    return bool(failed)


def _result(row: Row, effort: Effort) -> dict[str, Any]:
    """Runs a row in a process of its own, so that nothing it does to itself touches the others."""

    def run() -> Any:
        try:
            return asdict(row.run(effort))
        except SkippedError as error:
            return {"skipped": str(error)}

    told: dict[str, Any] = {"row": row.number, "what": row.what, "target": row.target}
    told |= {"figure": "", "verdict": "fail", "why": "", "cpu_seconds": 0.0}
    try:
        ending = Child(run).wait(LONGEST)
    except TimeoutError as error:
        return told | {"why": str(error)}
    told["cpu_seconds"] = round(ending.cpu_seconds, 1)
    if ending.value is None:
        return told | {"why": ending.error or f"the row's process ended with code {ending.code}"}
    if "skipped" in ending.value:
        return told | {"verdict": "skipped", "why": ending.value["skipped"]}
    verdict = "pass" if ending.value["passed"] else "fail"
    return told | {"figure": ending.value["figure"], "verdict": verdict, "why": ending.value["why"]}


def _line(result: dict[str, Any]) -> str:
    head = f"{result['row']:>2}  {result['verdict'].upper():<8}{result['cpu_seconds']:>8.1f} s  {result['what']}"
    more = [f"target: {result['target']}", f"found:  {result['figure']}", f"why:    {result['why']}"]
    kept = [line for line, name in zip(more, ("target", "figure", "why"), strict=True) if result[name]]
    return "\n".join([head, *(f"{'':>24}{line}" for line in kept)])


if __name__ == "__main__":
    sys.exit(main())
