"""Writes the list of keys in docs/training.md from the descriptions in psfr_tf/config.py.

python tools/training_keys.py
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from psfr_tf.config import TrainConfig
from psfr_tf.models.presets import PRESETS

PAGE = Path(__file__).parents[1] / "docs" / "training.md"
BEGIN, END = "<!-- keys: made by tools/training_keys.py -->\n", "<!-- end of keys -->\n"


def main() -> None:
    PAGE.write_text(with_keys(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def with_keys(page: str) -> str:
    """The page with the list of keys of today between its marks."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{chr(10).join(_tables())}\n{END}{after}"


def _tables() -> Iterator[str]:
    schema = TrainConfig.model_json_schema()
    sections = {"": schema}
    for name, field in schema["properties"].items():
        if "$ref" in field:
            sections[name] = schema["$defs"][field["$ref"].rpartition("/")[2]]
    for name, section in sections.items():
        heading = f"`{name}`: {section['description']}" if name else "A whole run:"
        yield f"{heading}\n\n| key | values | default | |\n|---|---|---|---|"
        for key, field in section["properties"].items():
            if "$ref" not in field:
                cells = (f"`{key}`", _values(key, field), _default(field), field["description"])
                yield "| " + " | ".join(cells) + " |"
        yield ""


def _values(key: str, field: dict[str, Any]) -> str:
    if key == "preset":
        return " \\| ".join(f"`{name}`" for name in PRESETS)
    (field,) = [kind for kind in field.get("anyOf", [field]) if kind.get("type") != "null"]
    if "enum" in field:
        return " \\| ".join(f"`{value}`" for value in field["enum"])
    kind = {"string": "text", "boolean": "`true` \\| `false`", "array": "list of names"}.get(
        field["type"], field["type"]
    )
    signs = {
        "minimum": "≥ {}",
        "exclusiveMinimum": "> {}",
        "maximum": "≤ {}",
        "exclusiveMaximum": "< {}",
    }
    limits = [sign.format(f"{field[name]:.12g}") for name, sign in signs.items() if name in field]
    return " ".join([kind, ", ".join(limits)]).strip()


def _default(field: dict[str, Any]) -> str:
    default = field.get("default")
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, float):
        return f"`{default:g}`"
    return "" if default is None else f"`{default}`"


if __name__ == "__main__":
    main()
