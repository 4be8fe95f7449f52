"""`careline fire`: CloudEvents to the API, one or a file of them, with each answer in words."""

import json
import re
import sys
import uuid
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.cli.api import Api, ApiProblem, words
from gateway.cli.terminal import show_json, tell

BATCH = 1000
_BATCH_OCTETS = 4_000_000  # the server takes 10 MB
_BATCH_TYPE = "application/cloudevents-batch+json"
_PHONE = re.compile(r"\+?[0-9]{7,15}")
_NEEDED = ("type", "subject")
_SHOWN = 20


class WrongEvent(Exception):
    """What was asked for is no event; the message says why."""


def event(
    type_: str | None, to: str | None, data: str, id_: str | None, source: str, brand: str | None
) -> dict[str, Any]:
    """A CloudEvent from the options; type and subject only where they are given. Raises WrongEvent."""
    made: dict[str, Any] = {"specversion": "1.0", "source": source, "datacontenttype": "application/json"}
    made |= {"type": type_} if type_ else {}
    made |= {"subject": subject(to)} if to else {}
    made |= {"brand": brand} if brand else {}
    made |= {"id": id_} if id_ else {}
    made["data"] = read_json(data)
    return made


def subject(to: str) -> str:
    """The customer as events name one: a bare number is `tel:`."""
    return "tel:+" + to.removeprefix("+") if _PHONE.fullmatch(to) else to


def read_json(written: str) -> Any:
    """JSON from an option, or from a file by @FILE. Raises WrongEvent."""
    if written.startswith("@"):
        try:
            written = Path(written[1:]).read_text("utf-8")
        except OSError as problem:
            raise WrongEvent(f"--data: {written[1:]}: {problem.strerror}") from problem
        except UnicodeDecodeError as problem:
            raise WrongEvent(f"--data: {written[1:]} is no UTF-8 text") from problem
    try:
        return json.loads(written)
    except ValueError as problem:
        raise WrongEvent(f'--data is no JSON: {problem}; quote it: \'{{"plan": "Basic 300"}}\'') from problem


def fire_one(api: Api, asked: dict[str, Any], *, as_json: bool) -> None:
    """Posts one event and says what became of it. Raises ApiProblem."""
    answer = api.post("/v1/events", {"id": str(uuid.uuid4())} | asked, "application/cloudevents+json")
    if as_json:
        show_json(answer)
        return
    again = " (known already: nothing is done twice)" if answer.get("duplicate") else ""
    print(f"event {answer['event']} is on disk{again}")
    who = asked["subject"].removeprefix("tel:")
    print(f"careline trace {who}  shows what the customer got")


@dataclass(slots=True)
class Tally:
    """How a file of events went."""

    taken: int = 0
    duplicates: int = 0
    problems: list[dict[str, Any]] = field(default_factory=list)

    @property
    def total(self) -> int:
        """All that was answered."""
        return self.taken + self.duplicates + len(self.problems)


def fire_many(api: Api, file: Path, defaults: dict[str, Any], *, as_json: bool) -> bool:
    """Posts the events of a file, a thousand at once. True when some were refused. Raises ApiProblem, WrongEvent."""
    tally = Tally()
    size = file.stat().st_size if file.is_file() else None
    with _bar(size, quiet=as_json) as progress:
        task = progress.add_task(str(file), total=size, taken="") if progress is not None else None
        for events, lines, octets in _batches(_lines(file), defaults):
            _count(_posted(api, events, lines, tally), lines, tally)
            if progress is not None and task is not None:
                progress.update(task, advance=octets, taken=f"{tally.total:,} events")
    if as_json:
        show_json({"taken": tally.taken, "duplicates": tally.duplicates, "problems": tally.problems})
    else:
        print(f"{tally.taken:,} taken, {tally.duplicates:,} known already, {len(tally.problems):,} refused")
        tell(f"{file}:{one['line']}: {one['id']}: {words(one['problem'])}" for one in tally.problems[:_SHOWN])
        if len(tally.problems) > _SHOWN:
            tell(f"and {len(tally.problems) - _SHOWN:,} more; --json lists them all")
    return bool(tally.problems)


def _posted(api: Api, events: list[dict[str, Any]], lines: list[int], tally: Tally) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = api.post("/v1/events", events, _BATCH_TYPE)
    except ApiProblem as problem:
        done = f"{tally.total:,} events were answered before; go on from line {lines[0]}"
        raise ApiProblem(f"{problem}\n{done}", problem.status, problem.problem) from problem
    return answer


def _bar(size: int | None, *, quiet: bool) -> Any:
    if quiet or not sys.stderr.isatty():
        return nullcontext()
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%" if size else ""),
        TextColumn("{task.fields[taken]}"), TimeRemainingColumn(), console=Console(stderr=True),
    )  # fmt: skip


def _lines(file: Path) -> Iterator[bytes]:
    if str(file) == "-":
        yield from sys.stdin.buffer
        return
    try:
        with file.open("rb") as lines:
            yield from lines
    except OSError as problem:
        raise WrongEvent(f"{file}: {problem.strerror}") from problem


def _batches(lines: Iterator[bytes], defaults: dict[str, Any]) -> Iterator[tuple[list[dict[str, Any]], list[int], int]]:
    """Events, the numbers of their lines, and the bytes that were read for them."""
    events: list[dict[str, Any]] = []
    numbers: list[int] = []
    octets = 0
    for number, line in enumerate(lines, 1):
        octets += len(line)
        if not line.strip():
            continue
        events.append(_of_line(line, number, defaults))
        numbers.append(number)
        if len(events) >= BATCH or octets >= _BATCH_OCTETS:
            yield events, numbers, octets
            events, numbers, octets = [], [], 0
    if events:
        yield events, numbers, octets


def _of_line(line: bytes, number: int, defaults: dict[str, Any]) -> dict[str, Any]:
    """A line is a whole CloudEvent, or `{"to": ..., "data": {...}}` where TYPE stands on the command line."""
    try:
        given = json.loads(line)
    except json.JSONDecodeError as problem:
        told = (
            f"line {number} is no JSON: {problem.msg} at column {problem.colno if problem.lineno == 1 else len(line)}"
        )
        raise WrongEvent(f"{told}; nothing of this batch was posted") from problem
    except ValueError as problem:
        raise WrongEvent(f"line {number} is no UTF-8 text; nothing of this batch was posted") from problem
    if not isinstance(given, dict):
        raise WrongEvent(f"line {number} is no JSON object; nothing of this batch was posted")
    if "to" in given:
        given["subject"] = subject(str(given.pop("to")))
    made = {"id": str(uuid.uuid4())} | defaults | given
    missing = [name for name in _NEEDED if name not in made]
    if missing:
        raise WrongEvent(f"line {number} has no {' and no '.join(missing)}; nothing of this batch was posted")
    return made


def _count(answer: dict[str, Any], lines: list[int], tally: Tally) -> None:
    for line, result in zip(lines, answer["results"], strict=True):
        if "problem" in result:
            tally.problems.append({"line": line, "id": result.get("id"), "problem": result["problem"]})
        elif result.get("duplicate"):
            tally.duplicates += 1
        else:
            tally.taken += 1
