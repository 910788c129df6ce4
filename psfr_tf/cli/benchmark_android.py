"""`psfr benchmark android`: LiteRT files on a phone."""

import argparse
import re

from psfr_tf.cli.arguments import add_path
from psfr_tf.cli.benchmarking import add_plan_arguments, run_benchmark
from psfr_tf.errors import UserError

SUMMARY = "Latency, memory and accuracy of LiteRT files on an Android phone, over adb."
EXAMPLE = (
    "psfr benchmark android --model out/restorer_*.tflite "
    "--benchmark-model android_aarch64_benchmark_model --output bench"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    delegates = ("cpu", "xnnpack", "xnnpack-fp16", "gpu")
    add_plan_arguments(parser, delegates, [1, 2, 4], on_request=("npu",))
    parser.add_argument(
        "--serial",
        metavar="S",
        help="the phone, as adb devices lists it; needed if there are several",
    )
    add_path(
        parser,
        "--benchmark-model",
        "FILE",
        "benchmark_model for the phone, the Interpreter API's or the CompiledModel API's; see "
        "docs/benchmarks_android.md for where to get them",
    )
    add_path(
        parser,
        "--libraries",
        "DIR",
        "shared libraries that benchmark_model loads, copied to the phone: for npu the chip's "
        "libLiteRtDispatch_*.so, libLiteRtCompilerPlugin_*.so and what they need",
    )
    parser.add_argument(
        "--benchmark-model-sha256",
        type=_sha256,
        metavar="HEX",
        help="accept only the file with this SHA-256",
    )


def run(args: argparse.Namespace) -> int:
    if args.benchmark_model is None and not args.dry_run:
        args.usage_error(
            "--benchmark-model is needed; see docs/benchmarks_android.md for where to get it"
        )

    def make_target():
        from psfr_tf.android_bench.android.adb import choose_device
        from psfr_tf.android_bench.android.phone import AndroidTarget
        from psfr_tf.android_bench.target import TargetLost

        try:
            phone = choose_device(args.serial)
            return AndroidTarget(
                phone, args.benchmark_model, args.benchmark_model_sha256, args.libraries
            )
        except TargetLost as lost:
            raise UserError(str(lost)) from None

    return run_benchmark(args, make_target)


def _sha256(text: str) -> str:
    """argparse type: 64 hexadecimal digits."""
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a SHA-256 (64 hexadecimal digits)")
    return text
