"""The goals, each beside the row and the workload that it is about."""

from row import Goal

MS = 1e-3

GOALS = {
    "P1": Goal("≥ 60 x Aim", ratio=60.0),
    "P1 peers": Goal("≥ 8 x the fastest", ratio=8.0),
    "P1 floor": Goal("ours ≤ 1.5 x floor", ratio=1 / 1.5),
    "P2": Goal("≤ 1 ms", limit=1 * MS),
    "P3": Goal("≤ 50 ms", limit=50 * MS),
    "P4 S": Goal("≤ 0.5 s", limit=0.5),
    "P5 D": Goal("≤ 10 s", limit=10.0),
    "P6 M": Goal("≤ 2 ms", limit=2 * MS),
    "P7 M": Goal("≤ 5 ms", limit=5 * MS),
    "P8 M": Goal("≤ 15 ms", limit=15 * MS),
    "P6 L": Goal("≤ 5 ms", limit=5 * MS),
    "P7 L": Goal("≤ 20 ms", limit=20 * MS),
    "P8 L": Goal("≤ 0.15 s", limit=0.15),
    "P6 XL": Goal("≤ 10 ms", limit=10 * MS),
    "P8 XL": Goal("≤ 1.5 s", limit=1.5),
    "P9 M": Goal("≤ 25 ms", limit=25 * MS),
    "P10 S": Goal("≤ 20 ms", limit=20 * MS),
    "P10 M": Goal("≤ 150 ms", limit=150 * MS),
    "P11 D": Goal("≤ 0.3 s", limit=0.3),
    "P12 S": Goal("≤ 10 MB", limit=10e6),
    "P12 log S": Goal("≤ 60 B", limit=60),
    "P12 points S": Goal("≤ 20 B", limit=20),
    "P13 L": Goal("≤ 0.3 s", limit=0.3),
    "P14 M": Goal("≤ 10 ms", limit=10 * MS),
    "P15 index XL": Goal("≤ 600 MB", limit=600e6),
    "P15 query XL": Goal("≤ 300 MB", limit=300e6),
    "P16 index XL": Goal("≤ 100", limit=100),
    "P16 query XL": Goal("≤ 100", limit=100),
    "page address L": Goal("≤ 1 s", limit=1.0),
    "page table L": Goal("≤ 1 s", limit=1.0),
    "page lone run p95": Goal("≤ 1 s", limit=1.0),
    "page lone metrics p95": Goal("≤ 1 s", limit=1.0),
    "page stream run p95": Goal("≤ 1 s", limit=1.0),
    "page stream metrics p95": Goal("≤ 1 s", limit=1.0),
}


def goal_for(key: str, workload: str = "") -> Goal | None:
    """The goal of a row, if there is one for that workload."""
    return GOALS.get(f"{key} {workload}".strip())
