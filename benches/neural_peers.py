"""What torch makes of the same networks on one thread: training steps and scores a second.

Run it with `python benches/neural_peers.py` in the same minutes as `cargo bench -p qosguard-benches --bench neural`.
torch is not in any requirements file, because it takes gigabytes: `pip install torch==2.15.0`.
"""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import argparse
import itertools
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

BATCH, MANY = 256, 8192
FEATURES, CLASSES = 42, 2
TABULAR, TIMING, WIDTH = 47, 25, 128


def seconds(work: Callable[[], object], rounds: int, calls: int = 1) -> float:
    """Median wall time of one call."""
    work()
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(calls):
            work()
        taken.append((time.perf_counter() - start) / calls)
    return statistics.median(taken)


def autoencoder() -> nn.Module:
    """42-64-16-64-42 with ReLU between."""
    return nn.Sequential(
        nn.Linear(FEATURES, 64), nn.ReLU(), nn.Linear(64, 16), nn.ReLU(),
        nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, FEATURES),
    )  # fmt: skip


class Transformer(nn.Module):
    """A token for each feature and one that gathers, through three layers."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(TABULAR, WIDTH) * 0.02)
        self.bias = nn.Parameter(torch.zeros(TABULAR, WIDTH))
        self.gathering = nn.Parameter(torch.randn(1, 1, WIDTH) * 0.02)
        layer = nn.TransformerEncoderLayer(
            WIDTH, 4, 512, dropout=0.1, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, 3, nn.LayerNorm(WIDTH), enable_nested_tensor=False)

    def forward(self, x: Tensor) -> Tensor:
        """What the gathering token holds at the end."""
        tokens = x.unsqueeze(-1) * self.weight + self.bias
        tokens = torch.cat([self.gathering.expand(len(x), -1, -1), tokens], dim=1)
        return self.layers(tokens)[:, 0]


class Mixture(nn.Module):
    """A transformer over the columns, convolutions over the timing statistics, and a gate that weighs their vectors."""

    def __init__(self) -> None:
        super().__init__()
        self.tabular = Transformer()
        channels = [1, 32, 64, 64]
        parts: list[nn.Module] = []
        for before, after in itertools.pairwise(channels):
            parts += [nn.Conv1d(before, after, 3, padding=1), nn.BatchNorm1d(after), nn.ReLU(), nn.Dropout(0.1)]
        self.timing = nn.Sequential(
            *parts, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(64, WIDTH), nn.LayerNorm(WIDTH)
        )
        parts = []
        for before, after in ((2 * WIDTH, 128), (128, 64)):
            parts += [nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU(), nn.Dropout(0.1)]
        self.gate = nn.Sequential(*parts, nn.Linear(64, 2))
        self.classifier = nn.Sequential(
            nn.Linear(WIDTH, WIDTH), nn.LayerNorm(WIDTH), nn.ReLU(), nn.Dropout(0.1), nn.Linear(WIDTH, CLASSES)
        )

    def forward(self, x: Tensor) -> Tensor:
        """A logit for each class."""
        tabular, timing = self.tabular(x[:, :TABULAR]), self.timing(x[:, TABULAR:].unsqueeze(1))
        shares = self.gate(torch.cat([tabular, timing], dim=1)).softmax(dim=1)
        return self.classifier(shares[:, :1] * tabular + shares[:, 1:] * timing)


def report(name: str, rows: int, taken: float) -> None:
    """One line of the table."""
    print(f"{name:<28} {rows / taken:>12,.0f} rows/s   {taken * 1e6:>12,.1f} µs a call", flush=True)


def train(network: nn.Module, loss: Callable[[], Tensor]) -> Callable[[], object]:
    """One step of AdamW."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)

    def step() -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return step


def autoencoders(rounds: int) -> None:
    """Training steps of 256 rows; scores of 8192, 256 and one."""
    network = autoencoder()
    x = torch.randn(BATCH, FEATURES)
    step = train(network, lambda: nn.functional.mse_loss(network(x), x))
    report("autoencoder train 256", BATCH, seconds(step, rounds, 100))
    network.eval()
    with torch.inference_mode():
        for rows, calls in ((MANY, 10), (BATCH, 100), (1, 1000)):
            x = torch.randn(rows, FEATURES)
            taken = seconds(lambda x=x: ((network(x) - x) ** 2).mean(dim=1), rounds, calls)
            report(f"autoencoder score {rows}", rows, taken)


def mixtures(rounds: int) -> None:
    """Training steps of 256 rows; scores of 256 and one."""
    network = Mixture()
    x = torch.randn(BATCH, TABULAR + TIMING)
    labels = torch.arange(BATCH) % CLASSES
    step = train(network, lambda: nn.functional.cross_entropy(network(x), labels))
    report("mixture train 256", BATCH, seconds(step, rounds))
    network.eval()
    with torch.inference_mode():
        for rows, calls in ((BATCH, 1), (1, 100)):
            x = torch.randn(rows, TABULAR + TIMING)
            report(f"mixture score {rows}", rows, seconds(lambda x=x: network(x).softmax(dim=1), rounds, calls))


def main() -> None:
    """Prints a line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"torch {torch.__version__}, one thread, medians of {rounds} rounds")
    autoencoders(rounds)
    mixtures(rounds)


if __name__ == "__main__":
    main()
