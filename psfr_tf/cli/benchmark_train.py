"""`psfr benchmark train`: time and memory of one training step."""

import argparse

from psfr_tf.cli.arguments import add_output, add_whole
from psfr_tf.cli.output_folder import drop_report, make_folder
from psfr_tf.cli.reporting import write_report

SUMMARY = "Time and memory of a full training step: all networks, all losses with VGG19."
EXAMPLE = "psfr benchmark train --preset psfrgan-512 --size 256 --output speed"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_output(parser, "DIR/report.json")
    parser.add_argument(
        "--preset", default="psfrgan-512", metavar="NAME", help="networks (default: %(default)s)"
    )
    size = "side of the faces (default: the preset's)"
    add_whole(parser, "--size", (32, 512), size, metavar="PX")
    add_whole(parser, "--batch-size", (1, 1024), "faces in one step", 1)
    parser.add_argument(
        "--form",
        choices=("paper", "release"),
        default="release",
        help="form of the losses (default: %(default)s)",
    )
    parser.add_argument(
        "--precision",
        choices=("float32", "mixed_bfloat16", "mixed_float16"),
        default="float32",
        help="Keras' dtype policy, as training.precision of a config (default: %(default)s)",
    )
    parser.add_argument("--xla", action="store_true", help="compile the step with XLA")
    parser.add_argument(
        "--no-average", action="store_true", help="without the moving average of the generator"
    )
    add_whole(parser, "--steps", (1, 1000), "measured steps, after two unmeasured ones", 5)


def run(args: argparse.Namespace) -> int:
    from psfr_tf.models.presets import PRESETS, generator_at

    if args.preset not in PRESETS:
        args.usage_error(f"--preset {args.preset}: there are {', '.join(PRESETS)}")
    size = args.size or PRESETS[args.preset]["size"]
    try:
        generator_at(args.preset, size)
    except ValueError as error:
        args.usage_error(f"--size {size}: {error}")
    drop_report(make_folder(args.output))

    import keras

    from psfr_tf.machine import describe_machine
    from psfr_tf.training.step_speed import measure

    machine = describe_machine("tensorflow", "keras")
    keras.config.set_dtype_policy(args.precision)
    result = measure(
        args.preset, size, args.batch_size, args.form, args.xla, args.steps, not args.no_average
    )
    print(f"{machine['cpu']}, {machine['cores']} cores, load {machine['load_average_1_min']}")
    print(
        f"{args.preset} at {size} px, batch {args.batch_size}, {args.precision}"
        f"{', XLA' if args.xla else ''}: {result['step_s']:.2f} s a step (median of {args.steps}; "
        f"CPU time {result['cpu_s']:.2f} s), {result['images_per_second']:.3g} images/s, peak "
        f"memory {result['peak_memory_bytes'] / 1e9:.2f} GB"
    )
    write_report(args.output, "benchmark train", machine=machine, **result)
    return 0
