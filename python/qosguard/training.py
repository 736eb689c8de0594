"""How a fit is followed and ended, and how the training of a network is resumed."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .errors import InvalidArgumentError

__all__ = ["Epoch", "History", "Progress", "Watch", "Watcher", "watch"]


@dataclass(frozen=True)
class Epoch:
    """The progress and the losses of one epoch of a training."""

    epoch: int
    """From 1."""
    steps: int
    """Steps so far."""
    learning_rate: float
    """Learning rate of the last step."""
    training_loss: float
    """Mean over the epoch's rows."""
    validation_loss: float | None
    """On the held-out rows; `None` where there are none."""
    gradient_norm: float
    """Mean length of the gradients, before they are shortened."""


@dataclass(frozen=True)
class Progress(Epoch):
    """How far a fit is; the fields of an epoch are 0 and NaN unless `unit` is `epochs`."""

    epoch: int = 0
    steps: int = 0
    learning_rate: float = math.nan
    training_loss: float = math.nan
    validation_loss: float | None = None
    gradient_norm: float = math.nan
    stage: str = ""
    """What runs, such as `ensemble`, `boosted_trees` or `autoencoder`."""
    unit: str = "epochs"
    """What `done` and `total` count: `fits`, `epochs`, `trees`, `iterations` or `rows`."""
    done: int = 0
    """Units that are done."""
    total: int = 0
    """Units in all; the fit may end before."""
    member: str | None = None
    """The member or expert that was just fitted, where fits are counted."""
    fold: int | None = None
    """The fold that it was fitted without, from 0; `None` for a fit on all rows."""

    @property
    def epochs(self) -> int:
        """Epochs of this stage at most; training may end before."""
        return self.total


@dataclass(frozen=True)
class History:
    """The course of a training; `pandas.DataFrame(history.epochs).plot(x="epoch")` draws it."""

    epochs: list[Epoch]
    """In order."""
    best_epoch: int
    """The epoch whose weights were kept."""
    stopped: str
    """`finished`, `early` or `cancelled`."""

    @classmethod
    def _from_core(cls, record: dict[str, Any]) -> History:
        return cls([Epoch(**epoch) for epoch in record["epochs"]], record["best_epoch"], record["stopped"])


Watcher = bool | Callable[[Progress], object]
"""`True` for a bar of tqdm, or a function that is called with every step and ends the fit by returning False."""

Watch = tuple[Callable[[dict[str, Any]], bool] | None, str | None, str | None]
"""What the core calls with every step (false ends the fit), where it writes a checkpoint, where it resumes."""


def watch(
    progress: Watcher,
    checkpoint: str | os.PathLike[str] | None,
    resume: str | os.PathLike[str] | None,
) -> Watch:
    """What `fit` was asked to do while it runs, as the core takes it."""
    show = _bar() if progress is True else progress
    if show is not False and not callable(show):
        raise InvalidArgumentError(f"`progress` must be True, False or a function, got {progress!r}")

    def step(record: dict[str, Any]) -> bool:
        return show is False or show(Progress(**record)) is not False

    paths = [None if path is None else os.fspath(path) for path in (checkpoint, resume)]
    return (None if show is False else step), paths[0], paths[1]


def _bar() -> Callable[[Progress], None]:
    """A bar of tqdm for each stage, in a notebook as on a terminal."""
    try:
        from tqdm.auto import tqdm
    except ImportError:
        raise InvalidArgumentError("`progress=True` needs the package tqdm; or pass a function") from None
    bars: dict[str, Any] = {}

    def show(progress: Progress) -> None:
        bar = bars.setdefault(progress.stage, None)
        if bar is None:
            bar = tqdm(total=progress.total, desc=progress.stage, unit=f" {progress.unit}")
            bars[progress.stage] = bar
        if bar.total != progress.total:
            bar.reset(total=progress.total)
        if progress.unit == "epochs":
            loss = progress.training_loss if progress.validation_loss is None else progress.validation_loss
            bar.set_postfix(loss=f"{loss:.4g}", refresh=False)
        elif progress.member is not None:
            fold = "all rows" if progress.fold is None else f"fold {progress.fold + 1}"
            bar.set_postfix_str(f"{progress.member}, {fold}", refresh=False)
        bar.update(progress.done - bar.n)
        if progress.done == progress.total:
            bar.close()

    return show
