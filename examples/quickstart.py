"""The main job once: flows in, calibrated verdicts and actions out, quality measured on rows held out.

`python examples/quickstart.py` simulates labelled flows; with a path it reads that file.
"""

from __future__ import annotations

import sys

import numpy as np

import qosguard as qg

GUARD = "quickstart.qosguard"


def main() -> None:
    flows = qg.read(sys.argv[1]) if len(sys.argv) > 1 else qg.simulate(rows=10_000)

    # Seven rows of ten fit the guard, the others test it.
    rows = np.random.default_rng(0).permutation(len(flows))
    train, test = flows.take(rows[: len(rows) * 7 // 10]), flows.take(rows[len(rows) * 7 // 10 :])
    print(f"fitting a guard on {len(train)} records of schema `{flows.schema.name}`")
    guard = qg.Guard("auto", false_positive_rate=0.01).fit(train)

    out = guard.assess(test)
    print(f"assessed {len(test)} other records:\n")
    print(guard.findings(test, out, n=10))

    guard.save(GUARD)
    again = qg.Guard.load(GUARD).assess(test)
    equal = again.scores.tobytes() == out.scores.tobytes()
    print(f"saved and loaded {GUARD}: {len(again)} scores, equal bit for bit: {equal}")


if __name__ == "__main__":
    main()
