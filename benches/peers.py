"""The same work by the libraries people use now, in the same run, on one thread, as ratios.

Every measure is taken in rounds, each library once a round, so that a machine whose speed drifts slows all of
them alike; a figure is the median of its rounds. Run it with `make bench`.
"""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[variable] = "1"

os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # pandas and pyarrow bring threads of their own

import argparse
import json
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import coniferest.isoforest
import isotree
import lightgbm
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import shap
import sklearn.ensemble
import xgboost
from nfstream import NFStreamer

import qosguard as qg

TREES, SAMPLES, ROWS, FEATURES = 100, 256, 200_000, 42
LEAVES, EXPLAINED = 31, 2_000
Work = Callable[[], object]


def seconds(work: Work) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(
    name: str, unit: str, amount: float, works: dict[str, Work], rounds: int, calls: int = 1
) -> dict[str, object]:
    """Median over `rounds`; `amount / seconds` in `unit`, or seconds a call where `amount` is 0."""
    taken: dict[str, list[float]] = {who: [] for who in works}
    for work in works.values():
        work()
    for _ in range(rounds):
        for who, work in works.items():
            taken[who].append(seconds(lambda work=work: [work() for _ in range(calls)]) / calls)
    median = {who: statistics.median(times) for who, times in taken.items()}
    peers = {who: t for who, t in median.items() if who != "qosguard"}
    fastest = min(peers, key=lambda who: peers[who])
    ratio = peers[fastest] / median["qosguard"]
    figures = {who: amount / t if amount else t for who, t in median.items()}
    print(f"\n{name} ({unit})")
    for who, figure in sorted(figures.items(), key=lambda pair: median[pair[0]]):
        print(f"  {who:<14} {figure:>12.4g}")
    print(f"  qosguard is {ratio:.2f} x the fastest peer, {fastest}")
    return {"name": name, "unit": unit, "figures": figures, "fastest_peer": fastest, "ratio": ratio}


def forests(rounds: int) -> list[dict[str, object]]:
    """Fit, score many rows, score one row: 100 trees of 256 samples on 42 features."""
    x = np.random.default_rng(0).standard_normal((ROWS, FEATURES)).astype(np.float32)
    x64, one = x.astype(np.float64), x[:1].copy()
    one64 = one.astype(np.float64)
    fits: dict[str, Callable[[], object]] = {
        "qosguard": lambda: qg.IsolationForest(n_estimators=TREES, max_samples=SAMPLES, random_state=0).fit(x),
        "scikit-learn": lambda: sklearn.ensemble.IsolationForest(
            n_estimators=TREES, max_samples=SAMPLES, random_state=0, n_jobs=1
        ).fit(x),
        "isotree": lambda: isotree.IsolationForest(
            ntrees=TREES, sample_size=SAMPLES, ndim=1, nthreads=1, missing_action="fail", random_seed=1
        ).fit(x64),
        "coniferest": lambda: coniferest.isoforest.IsolationForest(
            n_trees=TREES, n_subsamples=SAMPLES, n_jobs=1, random_seed=0
        ).fit(x64),
    }
    ours, sk, iso, cf = (fit() for fit in fits.values())
    scores: dict[str, Work] = {
        "qosguard": lambda: ours.anomaly_score(x),
        "scikit-learn": lambda: sk.score_samples(x),
        "isotree": lambda: iso.predict(x64),
        "coniferest": lambda: cf.score_samples(x64),
    }
    singles: dict[str, Work] = {
        "qosguard": lambda: ours.anomaly_score(one),
        "scikit-learn": lambda: sk.score_samples(one),
        "isotree": lambda: iso.predict(one64),
        "coniferest": lambda: cf.score_samples(one64),
    }
    return [
        measure("forest fit, 200 k rows", "s", 0, fits, rounds),
        measure("forest score", "rows/s", ROWS, scores, rounds),
        measure("forest score, one row", "s", 0, singles, rounds, calls=50),
    ]


def variants(rounds: int) -> list[dict[str, object]]:
    """Score many rows by other isolation forests, of 100 trees of 256 samples on 42 features."""
    x = np.random.default_rng(0).standard_normal((ROWS, FEATURES)).astype(np.float32)
    x64 = x.astype(np.float64)
    pooled = {"prob_pick_pooled_gain": 1.0, "ntry": 1}
    settings: dict[str, tuple[dict[str, object], dict[str, object]]] = {
        "extended": ({"splits": {"kind": "extended", "features": 2}}, {"ndim": 2}),
        "fair-cut": ({"splits": "fair_cut"}, {"ndim": 2, "max_depth": 32} | pooled),
        "pooled gain": ({"splits": {"kind": "pooled_gain"}}, {"ndim": 1, "max_depth": 32} | pooled),
        "density": ({"scoring": "density"}, {"ndim": 1, "scoring_metric": "density"}),
    }
    results = []
    for name, (our_settings, their_settings) in settings.items():
        ours = qg.IsolationForest(TREES, SAMPLES, **our_settings).fit(x)
        theirs = isotree.IsolationForest(
            ntrees=TREES, sample_size=SAMPLES, nthreads=1, missing_action="fail", random_seed=1, **their_settings
        ).fit(x64)
        works: dict[str, Work] = {
            "qosguard": lambda ours=ours: ours.anomaly_score(x),
            "isotree": lambda theirs=theirs: theirs.predict(x64),
        }
        results.append(measure(f"{name} forest score", "rows/s", ROWS, works, min(rounds, 3)))
    return results


def labelled() -> tuple[np.ndarray, np.ndarray]:
    """Rows of 42 features, of which ten tell the label in pairs, with noise."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((ROWS, FEATURES)).astype(np.float32)
    y = (x[:, :5] * x[:, 5:10] + 0.5 * x[:, :5]).sum(axis=1) + rng.standard_normal(ROWS) > 1.0
    return x, y.astype(np.int32)


def boosted(rounds: int) -> list[dict[str, object]]:
    """Fit, score many rows, score one row, explain: 100 trees of 31 leaves and 255 bins on 42 features."""
    x, y = labelled()
    one, few = x[:1].copy(), x[:EXPLAINED].copy()
    common = {"learning_rate": 0.1, "verbosity": 0}
    light = {"objective": "binary", "num_leaves": LEAVES, "num_threads": 1, "max_bin": 255, "lambda_l2": 1.0}
    light |= common | {"verbosity": -1}
    extreme = {"objective": "binary:logistic", "tree_method": "hist", "grow_policy": "lossguide", "nthread": 1}
    extreme |= common | {"max_leaves": LEAVES, "max_depth": 0, "max_bin": 255}
    fits: dict[str, Callable[[], object]] = {
        "qosguard": lambda: qg.BoostedTrees(TREES, LEAVES).fit(x, y),
        "LightGBM": lambda: lightgbm.train(light, lightgbm.Dataset(x, y), TREES),
        "XGBoost": lambda: xgboost.train(extreme, xgboost.QuantileDMatrix(x, y, max_bin=255, nthread=1), TREES),
    }
    ours, lgb, xgb = (fit() for fit in fits.values())
    explainer = shap.TreeExplainer(lgb)

    def scores(rows: np.ndarray) -> dict[str, Work]:
        return {
            "qosguard": lambda: ours.anomaly_score(rows),
            "LightGBM": lambda: lgb.predict(rows, raw_score=True),
            "XGBoost": lambda: xgb.inplace_predict(rows, predict_type="margin"),
        }

    explanations: dict[str, Work] = {
        "qosguard": lambda: ours.explain(few).contributions,
        "LightGBM": lambda: lgb.predict(few, pred_contrib=True),
        "XGBoost": lambda: xgb.predict(xgboost.DMatrix(few, nthread=1), pred_contribs=True),
        "shap": lambda: explainer.shap_values(few),
    }
    return [
        measure("boosted trees fit, 200 k rows", "s", 0, fits, min(rounds, 3)),
        measure("boosted trees score", "rows/s", ROWS, scores(x), rounds),
        measure("boosted trees score, one row", "s", 0, scores(one), rounds, calls=200),
        measure("boosted trees, exact attribution", "rows/s", EXPLAINED, explanations, min(rounds, 3)),
    ]


def forest_attribution(rounds: int) -> list[dict[str, object]]:
    """Explain an isolation forest: here its score, by shap the mean depth, which is not what it scores by."""
    x = np.random.default_rng(0).standard_normal((ROWS, FEATURES)).astype(np.float32)
    few = x[:EXPLAINED].copy()
    ours = qg.IsolationForest(TREES, SAMPLES).fit(x)
    theirs = sklearn.ensemble.IsolationForest(n_estimators=TREES, max_samples=SAMPLES, random_state=0).fit(x)
    explainer = shap.TreeExplainer(theirs)
    works: dict[str, Work] = {
        "qosguard": lambda: ours.explain(few).contributions,
        "shap": lambda: explainer.shap_values(few, check_additivity=False),
    }
    return [measure("forest, exact attribution", "rows/s", EXPLAINED, works, min(rounds, 3))]


def csv_files(folder: Path) -> dict[str, Path]:
    """A simulated file, and real ones where `QOSGUARD_DATA` has them."""
    made = folder / "simulated.csv"
    pd.DataFrame(qg.simulate(rows=200_000, seed=0).to_pandas()).to_csv(made, index=False)
    data = Path(os.environ.get("QOSGUARD_DATA", "../shared/data"))
    real = {
        "UNSW-NB15": data / "flows/unsw-nb15/UNSW_NB15_82332.csv",
        "CICIDS2017": data / "flows/cicids2017/improved_5days_sample.csv",
    }
    for name, path in real.items():
        if not path.exists():
            print(f"SKIPPED: {name}, no file {path}; set QOSGUARD_DATA", file=sys.stderr)
    return {"simulated": made} | {name: path for name, path in real.items() if path.exists()}


def readers(rounds: int) -> list[dict[str, object]]:
    """CSV to columns in memory."""
    single = pa.csv.ReadOptions(use_threads=False)
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for name, path in csv_files(Path(folder)).items():
            works: dict[str, Work] = {
                "qosguard": lambda path=path: qg.read_csv(path),
                "pandas": lambda path=path: pd.read_csv(path, engine="c", encoding="latin-1"),
                "pyarrow": lambda path=path: pa.csv.read_csv(path, read_options=single),
            }
            results.append(measure(f"read CSV, {name}", "MB/s", path.stat().st_size / 1e6, works, rounds))
    return results


def merged_capture(folder: Path, packets: int) -> tuple[Path, int] | None:
    """The public Ethernet captures, an hour apart and with gaps of a minute at most, again and again."""
    data = Path(os.environ.get("QOSGUARD_DATA", "../shared/data")) / "packets"
    records: list[tuple[int, bytes]] = []
    moment = 0
    for path in sorted([*data.glob("benign/*.pcap"), *data.glob("attack/*.pcap")]):
        capture = path.read_bytes()
        if capture[:4] != b"\xd4\xc3\xb2\xa1" or capture[20:24] != b"\x01\0\0\0":
            continue
        at, before = 24, None
        moment += 3_600_000_000
        while at + 16 <= len(capture):
            whole, micros, kept, wire = struct.unpack_from("<4I", capture, at)
            time_ = whole * 1_000_000 + micros
            moment += 0 if before is None else min(max(time_ - before, 0), 60_000_000)
            records.append((moment, struct.pack("<2I", kept, wire) + capture[at + 16 : at + 16 + kept]))
            before, at = time_, at + 16 + kept
    if not records:
        print(f"SKIPPED: packets to flows, no captures in {data}; set QOSGUARD_DATA", file=sys.stderr)
        return None
    made, written = folder / "merged.pcap", 0
    with made.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1))
        while written < packets:
            for after, rest in records:
                out.write(struct.pack("<2I", *divmod(1_000_000_000_000_000 + after, 1_000_000)) + rest)
            written += len(records)
            records = [(after + moment + 3_600_000_000, rest) for after, rest in records]
    return made, written


def meters(rounds: int) -> list[dict[str, object]]:
    """A capture file to flow records in memory, with NFStream's statistical columns, next to NFStream itself."""
    with tempfile.TemporaryDirectory() as folder:
        capture = merged_capture(Path(folder), 200_000)
        if capture is None:
            return []
        path, packets = capture

        def nfstream() -> int:
            streamer = NFStreamer(source=str(path), statistical_analysis=True, n_dissections=0, n_meters=1)
            return sum(1 for _ in streamer)

        ours, theirs = len(qg.read(path)), nfstream()
        print(f"\n{packets} packets: {ours} flows by qosguard, {theirs} by NFStream")
        works: dict[str, Work] = {"qosguard": lambda: qg.read(path), "NFStream": nfstream}
        return [measure("packets to flows", "packets/s", packets, works, min(rounds, 3))]


def imports(rounds: int) -> dict[str, object]:
    """Time that `import qosguard` adds to `import numpy`."""

    def start(code: str) -> float:
        return seconds(lambda: subprocess.run([sys.executable, "-c", code], check=True))

    both = [(start("import numpy, qosguard"), start("import numpy")) for _ in range(max(rounds, 5))]
    added = statistics.median(a for a, _ in both) - statistics.median(b for _, b in both)
    print(f"\nimport qosguard adds {added * 1e3:.1f} ms to import numpy")
    return {"name": "import", "unit": "s beyond numpy", "figures": {"qosguard": added}}


def main() -> None:
    """Run everything, print it, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    parts = (forests, variants, boosted, forest_attribution, readers, meters)
    results = [result for part in parts for result in part(options.rounds)] + [imports(options.rounds)]
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
