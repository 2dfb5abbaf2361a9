"""A training process whose points are watched on a page: it tells when each `track()` has returned.

    python tools/bench/trainee.py REPO COUNT PAUSE SPREAD

Prints the run's hash, waits for a line, tracks COUNT numbers (1, 2, ...) with a pause of PAUSE up to PAUSE + SPREAD seconds
before each, and prints the times, as seconds since the epoch, in one line of JSON.
"""

import json
import random
import sys
import time

from runstone import Run


def main() -> None:
    """Train."""
    path, count, pause, spread = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
    run = Run(repo=path, system_tracking_interval=None, capture_terminal_logs=False)
    run.track(0, name="watched", step=0)
    print(run.hash, flush=True)
    sys.stdin.readline()
    rng, times = random.Random(1), []
    for step in range(1, count + 1):
        time.sleep(pause + spread * rng.random())
        run.track(step, name="watched", step=step)
        times.append(time.time())
    print(json.dumps(times), flush=True)
    sys.stdin.readline()
    run.close()


if __name__ == "__main__":
    main()
