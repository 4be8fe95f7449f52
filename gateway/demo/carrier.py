"""The simulated carrier as a command of its own: the demo starts it like anybody else."""

from collections.abc import Sequence

from gateway.simulator import main


def carrier_sim(arguments: Sequence[str]) -> int:
    """`careline carrier-sim`; its exit status. Raises SystemExit for --help and wrong use."""
    return main(list(arguments), prog="careline carrier-sim")
