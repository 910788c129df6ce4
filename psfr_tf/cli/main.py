"""`psfr COMMAND ...`: parses the command line and runs one command.

A command is a module `psfr_tf.cli.NAME`, see `psfr_tf.cli.commands`. These modules import nothing
heavy at the top, so that `psfr --help` answers at once.

Exit codes: 0 success, 1 failure, 2 bad usage.
"""

import argparse
import os
import sys

import psfr_tf
from psfr_tf.backend import need_tensorflow_in_environment
from psfr_tf.cli import reporting
from psfr_tf.cli.commands import add_commands
from psfr_tf.cli.interrupt import signals_interrupt
from psfr_tf.cli.quiet import silence_pillow, silence_tensorflow
from psfr_tf.errors import UserError

COMMANDS = (
    *("restore", "train", "evaluate", "degrade", "figure"),
    *("parse", "prepare", "convert", "export", "benchmark"),
)

DESCRIPTION = "Blind face restoration with PSFR-GAN in TensorFlow."


def parse_arguments(argv: list[str]) -> argparse.Namespace:
    """Parse `argv` (program name first). Exits with 2 on bad usage, 0 after --help."""
    parser = argparse.ArgumentParser(
        prog="psfr",
        description=DESCRIPTION,
        epilog="psfr COMMAND --help shows the options of a command and an example.",
    )
    parser.add_argument("--version", action="version", version=f"psfr {psfr_tf.__version__}")
    # Other commands need not be imported, unless --help or an error lists them.
    names = argv[1:2] if argv[1:2] and argv[1] in COMMANDS else COMMANDS
    add_commands(parser, names, "psfr_tf.cli.", title="commands", metavar="COMMAND")
    return parser.parse_args(argv[1:])


def run(args: argparse.Namespace) -> int:
    """Run the parsed command; what the user did wrong becomes one line on stderr."""
    try:
        need_tensorflow_in_environment("psfr")
        with signals_interrupt():
            return args.run(args)
    except UserError as error:
        reporting.fault(error)
    except ModuleNotFoundError as error:
        if (error.name or "psfr_tf").startswith("psfr_tf"):
            raise
        whole = "TensorFlow" if error.name in ("tensorflow", "keras") else error.name
        reporting.fault(f"this needs {whole}, which is not installed; pip install psfr_tf")
    except BrokenPipeError:
        # The reader of our output has gone, as in `psfr ... | head`; keep the interpreter from
        # complaining when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        reporting.fault(reporting.os_fault(error))
    except KeyboardInterrupt:
        reporting.say("interrupted")
    return 1


def entry_point() -> None:
    """Entry point of the console script."""
    silence_tensorflow()
    silence_pillow()
    # Names of files that are not UTF-8.
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.exit(run(parse_arguments(sys.argv)))


if __name__ == "__main__":
    entry_point()
