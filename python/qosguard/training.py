"""How the training of a network is watched, stopped and gone on with."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .errors import InvalidArgumentError

__all__ = ["Epoch", "History", "Progress", "Watch", "Watcher", "watch"]


@dataclass(frozen=True)
class Epoch:
    """What one epoch of a training came to."""

    epoch: int
    """From 1."""
    steps: int
    """Steps so far."""
    learning_rate: float
    """That of the last step."""
    training_loss: float
    """Mean over the epoch's rows."""
    validation_loss: float | None
    """On the held-out rows; `None` where there are none."""
    gradient_norm: float
    """Mean length of the gradients, before they are shortened."""


@dataclass(frozen=True)
class Progress(Epoch):
    """Where a training is."""

    stage: str
    """What is trained, such as `autoencoder`."""
    epochs: int
    """Most epochs of this stage; training may end before."""


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
"""`True` for a bar of tqdm, or a function that is called after each epoch and ends the training by returning False."""

Watch = tuple[Callable[[dict[str, Any]], bool], "os.PathLike[str] | None", "os.PathLike[str] | None"]
"""What the core calls after each epoch (false ends the training), where it writes a checkpoint, where it goes on."""


def watch(
    progress: Watcher,
    checkpoint: str | os.PathLike[str] | None,
    resume: str | os.PathLike[str] | None,
) -> Watch:
    """What `fit` was asked to do while it trains, as the core takes it."""
    show = _bar() if progress is True else progress
    if show is not False and not callable(show):
        raise InvalidArgumentError(f"`progress` must be True, False or a function, got {progress!r}")

    def after_epoch(record: dict[str, Any]) -> bool:
        return show is False or show(Progress(**record)) is not False

    paths = [None if path is None else os.fspath(path) for path in (checkpoint, resume)]
    return after_epoch, paths[0], paths[1]  # type: ignore[return-value]


def _bar() -> Callable[[Progress], None]:
    """A bar of tqdm for each stage, in a notebook as on a terminal."""
    try:
        from tqdm.auto import tqdm
    except ImportError:
        raise InvalidArgumentError("`progress=True` needs the package tqdm; or pass a function") from None
    bars: dict[str, Any] = {}

    def show(progress: Progress) -> None:
        bar = bars.setdefault(progress.stage, None) or tqdm(total=progress.epochs, desc=progress.stage, unit="epoch")
        bars[progress.stage] = bar
        loss = progress.training_loss if progress.validation_loss is None else progress.validation_loss
        bar.set_postfix(loss=f"{loss:.4g}", refresh=False)
        bar.update(progress.epoch - bar.n)
        if progress.epoch == progress.epochs:
            bar.close()

    return show
