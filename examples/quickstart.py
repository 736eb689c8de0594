"""The main job once: a guard is fitted on the traffic of yesterday, and finds the incidents of today.

`python examples/quickstart.py` simulates labelled flows; with a path it reads that file, whose first 70 % are
yesterday.
"""

from __future__ import annotations

import sys

import numpy as np

import qosguard as qg

GUARD = "quickstart.qosguard"


def main() -> None:
    if len(sys.argv) > 1:
        records = qg.read(sys.argv[1])
        rows, attacks = np.arange(len(records)), []
        yesterday, today = (records.take(part) for part in np.split(rows, [len(rows) * 7 // 10]))
    else:
        simulated = qg.simulate_traffic(1_200.0, seed=2)
        yesterday, today, attacks = qg.simulate_traffic(1_200.0, seed=1).table, simulated.table, simulated.events
    print(f"fitting a guard on {len(yesterday)} records of schema `{yesterday.schema.name}`")
    guard = qg.Guard("auto", false_positive_rate=0.01).fit(yesterday)

    print(f"watching {len(today)} other records\n")
    out = guard.assess(today)
    if "time" in [column.role for column in today.schema.columns]:
        stream = qg.Stream(today.schema, guard=guard)
        events = list(stream.events([today]))
        print(qg.incident_table(events), end="\n\n")
        print_quality(attacks, events)
    else:
        # Records without times have verdicts, and no incidents.
        print(guard.findings(today, out, n=10))

    guard.save(GUARD)
    again = qg.Guard.load(GUARD).assess(today)
    equal = again.scores.tobytes() == out.scores.tobytes()
    print(f"saved and loaded {GUARD}: {len(again)} scores, equal bit for bit: {equal}")


def print_quality(attacks: list[qg.AttackEvent], events: list[dict[str, object]]) -> None:
    """Print how many of the simulated attacks were found, and how soon."""
    if not attacks:
        return
    start = attacks[0].start - 120.0
    metrics = qg.event_metrics(attacks, events, start, max(attacks[-1].end, start + 1_200.0))
    found, delay = metrics.all, metrics.all.delay_s
    print(
        f"found {found.detected} of {found.events} attacks, the median {delay.median:.1f} s after their first record; "
        f"{metrics.false_detections} false incidents"
    )


if __name__ == "__main__":
    main()
