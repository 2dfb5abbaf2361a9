"""A siege of `runstone up`: real servers, real attacks, and what came of it (W3, W5, W6 and W7 of docs/reliability.md).

    python tools/siege/main.py                        # everything, at full length; about half an hour
    python tools/siege/main.py --only conformity --seed 7 --trials 2000

What a campaign needs (strace, root for a memory cgroup or a mount, schemathesis) and is not there is said in its row.
Exit code 1 if a promise was broken, or if a negative control went unnoticed.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "crash"))

import conformity
import outside
import overload
import untouched
from campaign import main

CAMPAIGNS = {**outside.CAMPAIGNS, **untouched.CAMPAIGNS, **overload.CAMPAIGNS, **conformity.CAMPAIGNS}

if __name__ == "__main__":
    sys.exit(main(__doc__, CAMPAIGNS))
