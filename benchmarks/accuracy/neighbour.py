"""A noisy neighbour: bursts of work and rest, 50 ms each on average, on one CPU.

Run as ``python neighbour.py CPU PARENT``; ends with its parent.
"""

import os
import random
import sys
import time


def main() -> None:
    cpu, parent = int(sys.argv[1]), int(sys.argv[2])
    os.sched_setaffinity(0, {cpu})
    rng = random.Random(cpu)
    values = list(range(20_000))
    while os.getppid() == parent:
        end = time.monotonic() + rng.expovariate(20)
        while time.monotonic() < end:
            values.sort(key=lambda value: -value)
        time.sleep(rng.expovariate(20))


if __name__ == "__main__":
    main()
