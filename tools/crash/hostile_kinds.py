"""Kinds of hostility: what somebody may put into a repository to harm whoever opens it, all in one table."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from hostile_files import FILES
from hostile_index import INDEX
from hostile_logs import LOGS

KINDS = LOGS.kinds | FILES.kinds | INDEX.kinds
REFUSED = LOGS.refused | FILES.refused | INDEX.refused
QUIET = LOGS.quiet | FILES.quiet | INDEX.quiet
