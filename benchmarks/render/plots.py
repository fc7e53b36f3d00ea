"""The pictures of docs/benchmarks.md: bars of ratios."""

import pathlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.contenders.model import Kind
from benchmarks.contenders.of_resqued import DEFAULT, IN_PROCESS
from benchmarks.render import tables
from benchmarks.render.tables import Column
from benchmarks.results import Results

_OURS, _OTHERS = "#b5392f", "#8a8f98"


@dataclass(frozen=True, slots=True)
class Picture:
    """One file: a panel of bars for each column."""

    name: str
    titles: dict[str, str]  #: of the contenders, by name
    columns: Sequence[Column]
    base: str

    def of_measured(self, results: Results) -> "Picture":
        """Return it without the contenders that have no value at all."""
        kept = {
            name: title
            for name, title in self.titles.items()
            if any(results.all(column.measure, name, column.value) for column in self.columns)
        }
        return replace(self, titles=kept)


def draw(results: Results, folder: pathlib.Path) -> None:
    """Write all pictures; files of an earlier run are replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    # Without a salt and with a date, every run would change every file.
    with mpl.rc_context({"svg.hashsalt": "benchmarks", "svg.fonttype": "none"}):
        for picture in _pictures():
            kept = picture.of_measured(results)
            if kept.titles:
                _draw(kept, results, folder / f"benchmarks-{picture.name}.svg")


def _pictures() -> list[Picture]:
    titles = {one.name: one.title for one in tables.libraries()}
    rates = (
        Column("bare", "throughput-bare", "rate"),
        Column("100 MB application", "throughput-large", "rate"),
    )
    kinds = {Kind.PER_JOB: "per-job", Kind.SHARED: "shared"}
    return [
        *(
            Picture(name, tables.titles_of(kind), rates, tables.BASES[kind])
            for kind, name in kinds.items()
        ),
        Picture("latency", titles, tables.LATENCY, IN_PROCESS),
        Picture("idle", titles, tables.IDLE, DEFAULT),
    ]


def _draw(picture: Picture, results: Results, path: pathlib.Path) -> None:
    height = 0.8 + 0.35 * len(picture.titles)
    figure = Figure(figsize=(3 + 2.2 * len(picture.columns), height), layout="tight")
    panels = figure.subplots(1, len(picture.columns), sharey=True, squeeze=False)
    panels[0][0].invert_yaxis()  # for all: they share it
    for panel, column in zip(panels[0], picture.columns, strict=True):
        _draw_panel(panel, picture, column, results)
    figure.savefig(path, metadata={"Date": None})


def _draw_panel(panel: Axes, picture: Picture, column: Column, results: Results) -> None:
    names = list(picture.titles)
    values = tables.ratios(results, column, names, picture.base)
    colours = [_OURS if name.startswith("resqued") else _OTHERS for name in names]
    bars = panel.barh(
        list(picture.titles.values()), [value or 0 for value in values], color=colours
    )
    panel.bar_label(bars, [tables.shown(value) for value in values], padding=2, fontsize=8)
    panel.set_title(column.heading, fontsize=9)
    panel.margins(x=0.3)
    panel.set_xticks([])
    panel.tick_params(labelsize=8)
    panel.spines[["top", "right", "bottom"]].set_visible(False)
