"""The curves of a run as one picture."""

from pathlib import Path

from psfr_tf import files
from psfr_tf.training.stats import read_stats

# Not curves of learning.
_POSITION = ("step", "images", "images_per_second")
COLUMNS = 4


def draw_curves(statistics: Path, picture: Path) -> None:
    """Draw every value of a run's ``stats.jsonl`` over the steps, validation beside training.

    Writes a PNG; nothing where there are no lines yet.
    """
    import matplotlib

    matplotlib.use("agg")  # no screen needed
    from matplotlib import pyplot

    records = read_stats(statistics)
    if not records:
        return
    names = {name.removeprefix("val_"): None for name in records[-1] if name not in _POSITION}
    rows = -(-len(names) // COLUMNS)
    figure, panels = pyplot.subplots(
        rows, COLUMNS, figsize=(3.2 * COLUMNS, 2.2 * rows), squeeze=False, layout="constrained"
    )
    for panel in panels.flat[len(names) :]:
        panel.remove()
    for panel, name in zip(panels.flat, names, strict=False):
        for key, label in ((name, "training"), (f"val_{name}", "validation")):
            points = [(record["step"], record[key]) for record in records if key in record]
            if points:
                marker = "o" if len(points) == 1 else None
                panel.plot(*zip(*points, strict=True), label=label, marker=marker)
        panel.set_title(name, fontsize=9)
        panel.tick_params(labelsize=7)
        if f"val_{name}" in records[-1]:
            panel.legend(fontsize=7)
    with files.atomic_path(picture) as temporary:
        figure.savefig(temporary, format="png", dpi=100)
    pyplot.close(figure)
