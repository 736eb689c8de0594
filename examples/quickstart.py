"""The main job once: flows in, calibrated verdicts and actions out.

`python examples/quickstart.py` simulates its flows; with a path it reads that file.
"""

from __future__ import annotations

import sys

import numpy as np

import qosguard as qg

GUARD = "quickstart.qosguard"


def main() -> None:
    flows = qg.read(sys.argv[1]) if len(sys.argv) > 1 else qg.simulate(rows=20_000)
    print(f"read {len(flows)} rows of schema {flows.schema.name}, {flows.report.rejected} rejected")

    # Seven rows of ten teach, the rest test.
    rows = np.random.default_rng(0).permutation(len(flows))
    train, test = flows.take(rows[: len(rows) * 7 // 10]), flows.take(rows[len(rows) * 7 // 10 :])
    guard = qg.Guard(qg.IsolationForest(), false_positive_rate=0.01).fit(train)
    out = guard.assess(test)

    if test.labels is not None:
        threshold = guard.threshold
        print(qg.evaluate(out.scores, test.labels, threshold.score, families=test.families, asked_fpr=threshold.asked))

    print("the ten most anomalous flows")
    for decision in out.top(10):
        print(f"  row {decision.row:>6}  {decision}")

    guard.save(GUARD)
    again = qg.Guard.load(GUARD).assess(test)
    equal = again.scores.tobytes() == out.scores.tobytes()
    print(f"saved and loaded {GUARD}: {len(again)} scores, equal bit for bit: {equal}")


if __name__ == "__main__":
    main()
