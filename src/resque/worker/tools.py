"""What the parts of one worker share."""

from dataclasses import dataclass

from resque.worker.control import Control
from resque.worker.liveness import Liveness
from resque.worker.patience import Patience
from resque.worker.recycling import Wear
from resque.worker.source import JobSource
from resque.worker.title import Title


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What one worker's loop shares with what sees its jobs through."""

    control: Control
    patience: Patience
    title: Title
    liveness: Liveness  #: beats while a job runs
    source: JobSource
    wear: Wear
