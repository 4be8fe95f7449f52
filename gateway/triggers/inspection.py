"""Reads the source of a handler's steps without running them: which texts, offers, queues, steps and calls they name.

`careline check` holds them against the catalogue and the configuration, so that a missing one is an error at start and
not at night. Only literals are seen; what a handler computes is checked when it runs.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from gateway.triggers.moments import Key

_NAMED = {"say": 0, "offer": 0, "wait": 0, "close": 0, "escalate": 0, "call": 1}


@dataclass(frozen=True, slots=True)
class Mention:
    """One call on `talk` as the source has it.

    kind: say, offer, wait, close, escalate or call. name: its literal, "" when it is computed. where: file:line.
    fields: names of a text's fields; `open`: there may be more. offer: the offer made in a text. backoffice: of a call.
    """

    kind: str
    name: str
    where: str
    fields: frozenset[str] = frozenset()
    open: bool = False
    offer: str = ""
    backoffice: str = ""


def mentions(steps: Iterable[Callable[..., Any]], event_fields: Collection[str]) -> tuple[Mention, ...]:
    """All mentions in the steps and in the functions of their modules that they call."""
    found: list[Mention] = []
    seen: set[Callable[..., Any]] = set()
    waiting = [inspect.unwrap(step) for step in steps]
    while waiting:
        function = waiting.pop()
        if function in seen or not isinstance(function, FunctionType):
            continue
        seen.add(function)
        tree = _tree(function)
        offers = {id(call.func.value): call for call in _calls(tree, {"offer"}) if isinstance(call.func, ast.Attribute)}
        file = function.__code__.co_filename
        found += [_mention(call, file, event_fields, offers.get(id(call))) for call in _calls(tree, _NAMED)]
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                called = function.__globals__.get(node.func.id)
                if isinstance(called, FunctionType) and called.__module__ == function.__module__:
                    waiting.append(called)
    return tuple(found)


def _tree(function: FunctionType) -> ast.AST:
    try:
        lines, first = inspect.getsourcelines(function)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, SyntaxError, TypeError):  # typed into a shell, or inside an expression: nothing to read
        return ast.Module(body=[], type_ignores=[])
    return ast.increment_lineno(tree, first - 1)


def _calls(tree: ast.AST, names: Collection[str]) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in names:
            yield node


def _literal(call: ast.Call, at: int) -> str:
    argument = call.args[at] if at < len(call.args) else None
    return argument.value if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else ""


def _mention(call: ast.Call, file: str, event_fields: Collection[str], offer: ast.Call | None) -> Mention:
    assert isinstance(call.func, ast.Attribute)
    kind = call.func.attr
    fields, more = set(), False
    for keyword in call.keywords:
        if keyword.arg is not None:
            fields.add(keyword.arg)
        elif _is_event_fields(keyword.value):
            fields.update(event_fields)
        else:
            more = True
    line = call.func.end_lineno or call.lineno
    return Mention(
        kind,
        _literal(call, _NAMED[kind]),
        f"{file}:{line}",
        frozenset(fields),
        more,
        _literal(offer, 0) if offer is not None else "",
        _literal(call, 0) if kind == "call" else "",
    )


def _is_event_fields(value: ast.expr) -> bool:
    return ast.unparse(value) in ("event.fields()", "talk.event.fields()")


def problems(
    where: str,
    type_: str,
    keys: Collection[Key],
    steps: Collection[str],
    renamed: Mapping[str, str],
    found: Collection[Mention],
) -> list[str]:
    """What is wrong with a handler as written, as "file:line: sentence"."""
    told: list[tuple[str, str]] = []
    if ("start",) not in keys:
        told.append((where, "no @start: nothing would happen when the event arrives"))
    told += [
        (where, f'step {step} has a timeout but no @on("{step}"): replies have nowhere to go')
        for step in sorted(steps)
        if not any(key[:2] == ("on", step) for key in keys)
    ]
    for old, new in sorted(renamed.items()):
        if new not in steps:
            told.append((where, f"renamed: {old} goes to {new}, and there is no step {new}"))
        if old in steps:
            told.append((where, f"renamed: {old} is a step still; a renamed step is gone"))
    told += _leads(where, steps, [mention for mention in found if mention.kind == "wait"])
    told += _answers(where, keys, [mention for mention in found if mention.kind == "call"])
    return [f"{place}: {type_}: {problem}" for place, problem in told]


def _leads(where: str, steps: Collection[str], waits: list[Mention]) -> Iterator[tuple[str, str]]:
    for wait in waits:
        if wait.name and wait.name not in steps:
            yield wait.where, f'wait("{wait.name}"): no such step; write @on("{wait.name}") for it'
    if all(wait.name for wait in waits):
        for step in sorted(set(steps) - {wait.name for wait in waits}):
            yield where, f'no wait("{step}") leads to step {step}'


def _answers(where: str, keys: Collection[Key], calls: list[Mention]) -> Iterator[tuple[str, str]]:
    for call in calls:
        for kind in ("result", "failed"):
            if call.name and (kind, call.name) not in keys:
                yield call.where, f'call "{call.name}": no @{kind}("{call.name}") takes the answer'
    if all(call.name for call in calls):
        answered = {key[1] for key in keys if key[0] in ("result", "failed") and len(key) == 2}
        for action in sorted(answered - {call.name for call in calls}):
            yield where, f'@result or @failed of "{action}": no step calls it'
