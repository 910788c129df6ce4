"""Options that several commands have, and types of arguments."""

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from psfr_tf.errors import cause

DEFAULT_WEIGHTS = "psfr-mobile-256"


def named(text: str) -> str:
    """argparse type: a path or name that is not empty, as an unset shell variable is."""
    if not text:
        raise argparse.ArgumentTypeError("the name is empty")
    return text


def share(text: str) -> float:
    """argparse type: a number in 0..1."""
    return _number(text, float, 0, 1, "a number")


def whole(low: int, high: int) -> Callable[[str], int]:
    """argparse type: an integer in low..high."""
    return lambda text: _number(text, int, low, high, "an integer")


def wholes(low: int, high: int) -> Callable[[str], list[int]]:
    """argparse type: integers in low..high separated by commas, each once."""
    return lambda text: list(dict.fromkeys(map(whole(low, high), text.split(","))))


def percent(text: str) -> float:
    """argparse type: a percentage below 1000, as a share."""
    return _number(text, float, 0, 999, "a percentage") / 100


def _number(text: str, kind: Callable[[str], float], low: int, high: int, what: str):
    try:
        value = kind(text)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is not {what} in {low}..{high}")
    return value


def names_of(known: Sequence[str]) -> Callable[[str], list[str]]:
    """argparse type: known names separated by commas, each once."""

    def parse(text: str) -> list[str]:
        names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
        unknown = [name for name in names if name not in known]
        if unknown or not names:
            raise argparse.ArgumentTypeError(
                f"{', '.join(unknown) or 'nothing'!r} is not one of {', '.join(known)}"
            )
        return names

    return parse


def add_whole(
    parser: argparse._ActionsContainer,
    name: str,
    limits: tuple[int, int],
    help: str,
    default: int | None = None,
    metavar: str = "N",
    short: Sequence[str] = (),
) -> None:
    """An option that takes an integer; a default is told. `short`: further names of it."""
    if default is not None and "default" not in help:
        help += " (default: %(default)s)"
    kind = whole(*limits)
    dest = name.lstrip("-").replace("-", "_")
    parser.add_argument(
        *short, name, type=kind, dest=dest, default=default, metavar=metavar, help=help
    )


def add_path(
    parser: argparse._ActionsContainer,
    name: str,
    metavar: str,
    help: str,
    short: Sequence[str] = (),
    **options: Any,
) -> None:
    """An option or argument that takes a path. `short`: further names of it."""
    parser.add_argument(*short, name, type=Path, metavar=metavar, help=help, **options)


def add_output(parser: argparse.ArgumentParser, writes: str) -> None:
    """The folder of the results."""
    add_path(parser, "--output", "DIR", f"writes {writes}", required=True)


def add_weights(
    parser: argparse.ArgumentParser, default: str | None = None, single_file: bool = False
) -> None:
    """The model; needed if it has no default. `single_file`: a single file will do."""
    told = " (default: %(default)s)" if default else ""
    parser.add_argument(
        "--weights",
        required=default is None,
        default=default,
        metavar="NAME|DIR|FILE" if single_file else "NAME|DIR",
        help=f"shipped weights{', ' if single_file else ' or '}a model folder"
        f"{' or a restorer_*.tflite or .onnx of psfr export' if single_file else ''}{told}",
    )
    add_import(parser)


def add_import(parser: argparse._ActionsContainer) -> None:
    """Modules of the user's own classes, imported where the option stands."""
    parser.add_argument(
        "--import",
        dest="imports",
        action=_Import,
        metavar="MODULE",
        help="import MODULE (in the current folder or installed), which registers classes of your "
        "own that a model folder has; repeatable",
    )


class _Import(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None):
        path = Path(values)
        folder, name = (path.parent, path.stem) if path.suffix == ".py" else (Path(), values)
        # The command line does not look for modules where it is started.
        sys.path.insert(0, str(folder.resolve()))
        try:
            importlib.import_module(name)
        except Exception as error:  # whatever the module's code raises
            parser.error(f"--import {values}: {type(error).__name__}: {cause(error)}")


def add_fidelity(parser: argparse._ActionsContainer, *short: str) -> None:
    """The operating point, see `psfr_tf.model_folder`."""
    parser.add_argument(
        *short,
        "--fidelity",
        type=share,
        metavar="0..1",
        help="0: most detail, 1: nearest to the true pixels; for models with two operating points "
        "(default: the model's own, 0 for psfr-mobile-256)",
    )
