import os as _os

from . import _core, errors
from ._core import Column, ReadReport, Rejection, Schema, Table, read_csv, read_jsonl, simulate
from .forest import IsolationForest
from .quality import evaluate
from .results import Decision, Estimate, FamilyRecall, Realised, Report, Threshold, Training

_os.register_at_fork(after_in_child=_core._after_fork)
