"""`make bench`, or `python -m tests.bench [--quick] [--json] [--only NAME]`: how fast this clone is on this machine.

Starts the load rig and a gateway of its own on a fresh database (fsync on, a real handler, all gates on), measures, and
prints: of each measurement the median of five rounds and the best, since a machine that others share changes its pace
within seconds. It asserts nothing. Loopback only; ends by itself, about half a minute with --quick (one round), four to
seven minutes without.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tests.bench.disk import disk_at
from tests.bench.load import Rig, build, machine
from tests.bench.measures import Bench, Figure, of_rounds, rig_echo
from tests.bench.pace import Pace
from tests.bench.running import COMPILED, GatewayProcess, free_port, write_config

PACKAGES = ("aiohttp", "uvloop", "orjson", "pydantic", "sqlalchemy")

EXPLAINED = """\
  {rounds}
  echo: of C, which keeps nothing
  disk: 8 KiB written and synced; a round trip waits for one to two such
  texts: POST /v1/messages, submit, until the receipt is on disk
  CPU: of each message, all our processes, until all has come out
  pace: CPU us of 1,000 Python calls meanwhile; figures compare at one pace"""


def measure(seconds: float, rounds: int, only: str, tell: Callable[[str], None], folder: Path) -> list[Figure]:
    """All figures, in order. seconds: of each round."""
    program = build(folder)
    figures = []
    tell("the rig's own echo")
    figures += _watched([lambda: rig_echo(lambda: Rig(program), min(seconds, 3.0))], rounds)
    rig = Rig(program)
    http_port = free_port()
    config = write_config(folder / "config", http_port=http_port, smsc_port=rig.smsc, office_port=rig.sink)
    gateway = GatewayProcess(config, http_port)
    try:
        gateway.start()
        gateway.wait_ready()
        bound = rig.wait(lambda stats: stats["bound"] > 0, 10)
        if bound.get("timed_out"):
            raise RuntimeError(f"the gateway does not bind:\n{gateway.tail()}")
        bench = Bench(rig, gateway, seconds, drain=max(20.0, 3 * seconds))
        tell("warming up")
        bench.warm_up()
        fastest = 0.0
        plans: list[tuple[str, Sequence[Callable[[], Figure]]]] = [
            ("rt", [bench.round_trips]),
            ("flood", [bench.flood]),
            ("rt1000", [lambda: disk_at(folder, 1000, seconds / 4), lambda: bench.round_trips_at(1000)]),
            ("rt50", [lambda: bench.round_trips_at(max(100.0, round(fastest / 2, -2)))]),
            ("mt", [bench.texts_with_receipts]),
            ("events", [bench.events]),
            ("batches", [lambda: bench.batches(min(seconds, 1.0))]),
        ]
        for name, its in plans:
            if only and name not in only.split(","):
                continue
            tell(name)
            seen = _watched(its, rounds)
            fastest = seen[0].rate if name == "rt" else fastest
            figures += seen
        if gateway.code() is not None:
            raise RuntimeError(f"the gateway ended with {gateway.code()}:\n{gateway.tail()}")
        return figures
    finally:
        gateway.stop()
        rig.stop()


def _watched(plans: Sequence[Callable[[], Figure]], rounds: int) -> list[Figure]:
    """The figures of some rounds, and how fast the machine was meanwhile. Of several plans each has its turn in each
    round: they see the same minutes.
    """
    seen: list[list[Figure]] = [[] for _ in plans]
    for number in range(1, rounds + 1):
        for plan, its in zip(plans, seen, strict=True):
            with Pace() as pace:
                figure = plan()
            figure.pace = pace.median
            figure.notes = [f"round {number}: {note}" if rounds > 1 else note for note in figure.notes]
            its.append(figure)
    return [of_rounds(its) for its in seen]


def show(figures: list[Figure], about: dict[str, object]) -> None:
    """The table."""
    echo = figures[0].rate
    title = "Careline: durable, fsync on, real handler, all gates on"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for name in ("what", "per sec", "p50 ms", "p99 ms", "CPU us", "RSS MB", "% echo", "pace"):
        table.add_column(name, justify="left" if name == "what" else "right", no_wrap=True)
    for figure in figures:
        table.add_row(
            figure.path,
            f"{figure.rate:,.0f}",
            _number(figure.p50),
            _number(figure.p99),
            _number(figure.cpu_us),
            _number(figure.rss),
            f"{100 * figure.rate / echo:.2f}" if echo and (figure is figures[0] or figure.cpu_us is not None) else "",
            _number(figure.pace),
        )
        if figure.rounds > 1:
            best = f"{figure.best_rate:,.0f}" if figure.best_rate is not None else ""
            table.add_row("  best", best, "", _number(figure.best_p99), _number(figure.best_cpu_us), style="dim")
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table)
    for figure in figures:
        for note in figure.notes:
            console.print(f"  {figure.path}: {note}", highlight=False)
        if figure.submitted is not None:
            console.print(f"  {figure.path}: submitted {figure.submitted:,.0f}/s", highlight=False)
    console.print(EXPLAINED.format(rounds=_rounds(figures[-1].rounds)), highlight=False)
    console.print("  " + ", ".join(f"{name} {value}" for name, value in about.items()), highlight=False)


def _rounds(count: int) -> str:
    return "one round" if count == 1 else f"median of {count} rounds; best: of those without a remark"


def _number(value: float | None) -> str:
    """With as many digits as say something."""
    if value is None:
        return ""
    digits = 0 if value >= 100 else 1 if value >= 20 else 2
    return f"{value:,.{digits}f}"


def gateway_kind() -> str:
    """What the gateway that is measured says of itself."""
    command = [sys.executable, "-P", "-m", "gateway.cli", "--version"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **COMPILED}).stdout
    return "compiled" if "compiled" in told else "interpreted"


def versions() -> dict[str, object]:
    """Of what the figures depend on."""
    found: dict[str, object] = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="How fast this clone is here.")
    parser.add_argument("--quick", action="store_true", help="about half a minute")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--seconds", type=float, help="of each round")
    parser.add_argument("--rounds", type=int, default=5, help="of each measurement (with --quick one)")
    parser.add_argument("--interpreted", action="store_true", help="the sources as they are, not compiled")
    parser.add_argument("--only", default="", help="rt, flood, rt1000, rt50, mt, events, batches; several with commas")
    args = parser.parse_args()
    seconds = args.seconds or (3.0 if args.quick else 4.0)
    rounds = 1 if args.quick else max(1, args.rounds)
    about = {"gateway": gateway_kind(), **machine(), **versions()}

    def tell(what: str) -> None:
        if sys.stderr.isatty():
            print(f"\r{what:<40}", end="", file=sys.stderr, flush=True)

    try:
        with tempfile.TemporaryDirectory(prefix="careline-bench-") as folder:
            figures = measure(seconds, rounds, args.only, tell, Path(folder))
    except RuntimeError as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1
    tell("")
    about["load at the end"] = machine()["load"]
    if args.json:
        print(json.dumps({"machine": about, "figures": [figure.as_json() for figure in figures]}, indent=2))
    else:
        show(figures, about)
    return 0


if __name__ == "__main__":
    sys.exit(main())
