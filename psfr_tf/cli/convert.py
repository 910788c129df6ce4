"""`psfr convert`: the authors' PyTorch checkpoints to a model folder."""

import argparse

from psfr_tf.cli.reporting import write_report

SUMMARY = "Turn the published PyTorch checkpoints into a model folder."
EXAMPLE = "psfr convert --generator G.pth --parsing P.pth --output psfrgan-512"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--generator", required=True, metavar="G.pth")
    parser.add_argument("--parsing", required=True, metavar="P.pth")
    parser.add_argument("--discriminator", metavar="D.pth", help="for fine-tuning")
    parser.add_argument("--output", required=True, metavar="DIR", help="the model folder to write")


def run(args: argparse.Namespace) -> int:
    from psfr_tf.conversion import convert

    mapped: list[str] = []

    def log(line: str) -> None:
        print(line)
        mapped.append(line)

    folder = convert(args.generator, args.parsing, args.output, args.discriminator, log=log)
    write_report(folder, "convert", mapped=mapped)
    print(f"Model folder: {folder}")
    print("The published weights keep their own license, CC BY-NC-SA 4.0 (non-commercial).")
    return 0
