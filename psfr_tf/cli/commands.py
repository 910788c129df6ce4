"""Commands and their parts, each a module, as sub-commands of a parser."""

import argparse
import importlib
from collections.abc import Iterable


def add_commands(
    parser: argparse.ArgumentParser, names: Iterable[str], module_prefix: str, **labels: str
) -> None:
    """Add a sub-command for each name.

    Its module is `module_prefix` + the name, with "_" for "-". It has `SUMMARY` (one line),
    `EXAMPLE` (a shell line), and either `add_arguments(parser)` and `run(args) -> exit code`, or
    `PARTS` and `LABELS`, names and labels of sub-commands again. The parsed arguments then hold
    `run`, and `usage_error`, which lets a command refuse options that do not go together: exit
    code 2.

    Args:
        labels: `title` and `metavar` of the sub-commands.
    """
    commands = parser.add_subparsers(required=True, **labels)
    for name in names:
        module = importlib.import_module(module_prefix + name.replace("-", "_"))
        command = commands.add_parser(
            name,
            help=module.SUMMARY,
            description=module.SUMMARY,
            epilog=f"example:\n  {module.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.register("action", None, _StoreOnce)
        command.register("action", "store", _StoreOnce)
        if hasattr(module, "PARTS"):
            add_commands(command, module.PARTS, f"{module.__name__}_", **module.LABELS)
        else:
            module.add_arguments(command)
            command.set_defaults(run=module.run, usage_error=command.error)


class _StoreOnce(argparse.Action):
    """Stores a value, as argparse does, but refuses a second one, which would take the place of
    the first without a word. Values of an option that takes several are put together."""

    def __call__(self, parser, namespace, values, option_string=None):
        given = vars(namespace).setdefault("_given", set())
        if self.dest in given and option_string is not None:
            if self.nargs != "+":
                parser.error(f"{option_string} is given twice")
            values = [*getattr(namespace, self.dest), *values]
        given.add(self.dest)
        setattr(namespace, self.dest, values)
