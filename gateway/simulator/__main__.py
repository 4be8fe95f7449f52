"""`python -m gateway.simulator`: the simulated carrier alone."""

import sys

from gateway.simulator.carrier import main

if __name__ == "__main__":
    sys.exit(main(prog="python -m gateway.simulator"))
