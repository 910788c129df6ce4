"""The curves of a run as one picture."""

from pathlib import Path

from psfr_tf.training.stats import read_stats

# Not curves of learning.
_POSITION = ("step", "images", "images_per_second")
COLUMNS = 4


def draw_curves(statistics: Path, picture: Path) -> None:
    """Draw every value of a run's ``stats.jsonl`` over the steps, validation beside training.

    Writes a PNG; nothing where there are no lines yet.
    """
    from psfr_tf.report import charts  # matplotlib is slow to import

    records = read_stats(statistics)
    if not records:
        return
    names = list({name.removeprefix("val_"): 0 for name in records[-1] if name not in _POSITION})
    rows = -(-len(names) // COLUMNS)
    figure, panels = charts.panels(320 * COLUMNS, 220 * rows, rows, COLUMNS, len(names))
    for panel, name in zip(panels, names, strict=True):
        keys = {"training": name, "validation": f"val_{name}"}
        points = {
            label: [(record["step"], record[key]) for record in records if key in record]
            for label, key in keys.items()
        }
        charts.lines(panel, {k: tuple(zip(*v, strict=True)) for k, v in points.items() if v})
        with charts.styled():
            panel.set_title(name)
            if keys["validation"] in records[-1]:
                panel.legend()
    charts.write_png(picture, figure)
