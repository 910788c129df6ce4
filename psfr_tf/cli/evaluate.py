"""`psfr evaluate`: measures models, or pictures restored by any method."""

import argparse
import functools
from pathlib import Path

from psfr_tf.cli.arguments import add_fidelity, add_import, add_output, add_path, add_whole
from psfr_tf.cli.output_folder import make_folder
from psfr_tf.cli.reporting import interrupted, say, say_skipped, write_report
from psfr_tf.data.forms import FORMS
from psfr_tf.errors import writing
from psfr_tf.files import is_plain_name
from psfr_tf.metric_names import NAMES, OF_ALIGNED, did_you_mean, known_name
from psfr_tf.output_lock import only_run_in

SUMMARY = "Measure how well a model, or any other method, restored faces."
EXAMPLE = (
    "psfr evaluate --weights psfr-mobile-256 --data faces --split test --output out\n"
    "  psfr evaluate --restored theirs --reference faces/images --output out\n"
    "  psfr evaluate --restored GFPGAN=out/restored_faces CodeFormer=cf --weights psfr-mobile-256 "
    "--reference hq --lq lq --resize --output table\n"
    "  psfr evaluate --plan configs/evaluation/paper_table1.yaml --output out"
)

BASELINES = ("nlm_unsharp",)
OF_FACES = ("data", "split", "manifest", "seed", "degradation", "niqe_split")
OF_FOLDERS = ("reference", "lq")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_argument_group("what is measured, several side by side")
    what.add_argument(
        "--weights",
        nargs="+",
        metavar="[NAME=]WEIGHTS",
        help="shipped weights or model folders: restore the faces of --data, which are degraded, "
        "or of --lq, and compare with the original",
    )
    what.add_argument(
        "--restored",
        nargs="+",
        metavar="[NAME=]DIR",
        help="pictures made by any system, to compare with those of the same name in --reference "
        "(or --data); NAME_00.png and the like are found too",
    )
    add_path(what, "--plan", "YAML", "faces, systems and metrics from a file")
    add_import(what)
    group = parser.add_argument_group("sharp faces, degraded here")
    add_fidelity(group)
    add_path(
        group,
        "--data",
        "DIR",
        "aligned square faces in DIR/images (or in DIR itself); label maps DIR/masks/NAME.png are "
        "used if the folder exists",
    )
    group.add_argument(
        "--split", metavar="NAME", help="only faces of this split, such as test (default: all)"
    )
    add_path(
        group,
        "--manifest",
        "CSV",
        "with --split or --niqe-split: file with the columns name and split "
        "(default: DATA/manifest.csv)",
    )
    add_whole(group, "--seed", (0, 2**31 - 1), "seed of the degradation (default: 0)")
    group.add_argument(
        "--degradation", choices=FORMS, help="form of the degradation (default: paper)"
    )
    group.add_argument(
        "--niqe-split",
        metavar="NAME",
        help="fit NIQE's model to the originals of this split, for example train; other pictures "
        "than those compared, so that these have no advantage",
    )
    group = parser.add_argument_group("a finished set, in place of --data")
    add_path(group, "--reference", "DIR", "the original pictures")
    lq = "the degraded pictures, also compared, enlarged to the size of the originals"
    add_path(group, "--lq", "DIR", lq)
    parser.add_argument(
        "--resize",
        action="store_true",
        help="bring pictures of --restored and --lq to the size of their originals",
    )
    parser.add_argument(
        "--against",
        nargs="+",
        default=[],
        metavar="NAME",
        help="further columns of the table: nlm_unsharp (OpenCV's fast non-local means and an "
        "unsharp mask of the input), or NAME=DIR for pictures made by another system",
    )
    parser.add_argument(
        "--metrics",
        nargs="+",
        type=_metrics,
        metavar="METRIC",
        help=f"which of {', '.join(NAMES)}, by commas or spaces, also as papers write them "
        "(default: all metrics whose model files are available, "
        f"except {', '.join(OF_ALIGNED)}, which are for faces aligned as in FFHQ)",
    )
    add_path(
        parser,
        "--metric-files",
        "DIR",
        "folder of the networks for lpips_alex, lpips_vgg, fid, face_mesh, identity, "
        "identity_distance, perceptual_distance and of NIQE's model (default: "
        "~/.cache/psfr_tf/metrics)",
    )
    parser.add_argument(
        "--download",
        action="store_true",
        help="fetch the networks of lpips_alex, lpips_vgg and fid to --metric-files from where "
        "their authors publish them",
    )
    add_path(
        parser,
        "--niqe-model",
        "FILE|DIR",
        "NIQE's model (.mat or .npz), or undamaged pictures to fit it to (default: "
        "modelparameters.mat of --metric-files, else fitted to the originals compared)",
    )
    add_path(
        parser,
        "--fid-reference",
        "NPZ|DIR",
        "statistics or pictures to compute FID against (default: the originals compared, whose "
        "statistics are written to OUTPUT/fid_reference.npz)",
    )
    add_output(
        parser,
        "DIR/report.json, table.md, index.html, per_image.csv and contact_sheet.png; an "
        "interrupted evaluation resumes",
    )
    parser.add_argument(
        "--save-images",
        action="store_true",
        help="also write DIR/COLUMN/NAME.png, for example DIR/restored/NAME.png",
    )


def _metrics(text: str) -> str:
    """argparse type: names of metrics by commas, also as papers write them."""
    names = [known_name(name) for name in text.split(",") if name.strip()]
    for name in names:
        if name not in NAMES:
            raise argparse.ArgumentTypeError(f"unknown metric {name!r}; {did_you_mean(name)}")
    return ",".join(names)


def run(args: argparse.Namespace) -> int:
    _check_usage(args)
    make_folder(args.output)
    with only_run_in(args.output):
        try:
            return _run(args)
        except KeyboardInterrupt:
            write_report(args.output, "evaluate", interrupted=True)
            return interrupted()


def _run(args: argparse.Namespace) -> int:
    from psfr_tf.evaluation.plan import load_plan, prepare
    from psfr_tf.metrics import network_files
    from psfr_tf.metrics.choice import DEFAULT, OF_DAMAGE

    plan = load_plan(args.plan) if args.plan else _plan(args)
    asked = ",".join(args.metrics or ()).split(",") if args.metrics else plan.metrics
    folder = args.metric_files or network_files.default_folder()
    if args.download:
        for file in network_files.DOWNLOADABLE:
            print(network_files.download(file, folder))
    for pictures in _picture_folders(plan):
        say_skipped(pictures)
    prepared = prepare(plan)
    several = isinstance(plan.data.degradation, list)
    default = OF_DAMAGE if several else DEFAULT
    with writing(args.output):
        report = _evaluate(args, plan, prepared, asked or default, folder)
    print((args.output / "table.md").read_text(encoding="utf-8"))
    for one in prepared:
        print(args.output / (one.form if several else "") / "index.html")
    return 1 if report["problems"] or (asked and report["metrics_left_out"]) else 0


def _picture_folders(plan) -> list[Path]:
    """Folders whose pictures are compared."""
    from psfr_tf.evaluation.plan import images_of

    data = plan.data
    results = (system.folder for system in plan.systems)
    folders = [*images_of(data), data.reference, data.lq, *results]
    return list(dict.fromkeys(Path(folder) for folder in folders if folder))


def _evaluate(args: argparse.Namespace, plan, prepared, metrics, folder: Path) -> dict:
    from psfr_tf.evaluation import evaluate, references
    from psfr_tf.evaluation.systems import load_parser
    from psfr_tf.metrics.choice import choose
    from psfr_tf.metrics.face_region import FaceRegion

    notes, first = [], prepared[0]
    networks = plan.networks

    def pristine():
        model, note = references.pristine_model(
            args.niqe_model, folder, first.source, args.output, first.niqe_originals
        )
        notes.append(note)
        return model

    @functools.cache
    def region():
        return FaceRegion(load_parser(networks.parsing))

    choice = choose(metrics, folder, pristine, region, networks.model_dump())
    for name, why in choice.left_out.items():
        say(f"{name} is skipped: {why}")
    statistics, settings = None, {}
    if choice.fid and args.fid_reference:
        statistics = references.fid_reference(args.fid_reference, choice.fid)
        statistics.save(args.output / "fid_reference.npz")
        settings["fid_reference"] = str(args.fid_reference)
    if args.niqe_model:
        settings["niqe_model"] = str(args.niqe_model)
    if any(metric.name in OF_ALIGNED for metric in choice.metrics):
        settings["networks"] = networks.model_dump(exclude_none=True)
    if isinstance(plan.data.degradation, list):
        from psfr_tf.evaluation.damage import evaluate_damages

        return evaluate_damages(
            plan,
            prepared,
            choice,
            args.output,
            settings,
            region,
            save_images=args.save_images,
            fid_reference=statistics,
            notes=notes,
        )
    settings = {**first.settings, **settings}
    return evaluate(
        first.source, choice, args.output, settings, args.save_images, statistics, notes
    )


def _check_usage(args: argparse.Namespace) -> None:
    if args.plan is not None:
        for name in (*OF_FACES, *OF_FOLDERS, "weights", "restored", "fidelity", "resize"):
            if getattr(args, name) not in (None, False):
                args.usage_error(f"--{name.replace('_', '-')} cannot be used with --plan")
        if args.against:
            args.usage_error("--against cannot be used with --plan, which names its systems")
    elif not (args.weights or args.restored):
        args.usage_error("give --weights, --restored or --plan")
    else:
        _check_faces(args)
    if args.niqe_split and args.niqe_model:
        args.usage_error("--niqe-split cannot be used with --niqe-model")
    if not args.weights and args.fidelity is not None:
        args.usage_error("--fidelity needs --weights")
    names = [name for name, _ in [*_named(args, "weights"), *_named(args, "restored")]]
    for name in names:
        if name != "restored" and (names.count(name) > 1 or not is_plain_name(name)):
            args.usage_error(f"{name}: give each column a name of its own, NAME={name}")
    several = len(names) > 1
    for text in args.restored or ():
        if several and "=" not in text:
            args.usage_error(
                f"--restored {text}: beside other columns it needs a name, NAME={text}"
            )
    if several and len(set(names)) < len(names):
        args.usage_error("two columns have one name; give --weights or --restored NAME=...")
    for text in args.against:
        name, equals, folder = text.partition("=")
        if not equals and name not in BASELINES:
            args.usage_error(f"--against {text}: give {', '.join(BASELINES)} or NAME=DIR")
        if equals and not (name and folder and not set(name) & set("/\\")):
            args.usage_error(f"--against {text}: give a name without slashes and a folder")
        if name in ("input", "restored", *names):
            args.usage_error(f"--against {text}: {name} is the name of another column")
        if args.reference and not equals and not args.lq:
            args.usage_error(f"--against {text} needs --lq")


def _check_faces(args: argparse.Namespace) -> None:
    """Either --data, or --reference with or without --lq."""
    if args.data is not None and args.reference is not None:
        args.usage_error("--reference cannot be used with --data")
    if args.data is None and args.reference is None:
        needed = "--data, or --reference and --lq" if args.weights else "--reference"
        args.usage_error(f"--{'weights' if args.weights else 'restored'} needs {needed}")
    others, with_ = (OF_FOLDERS, "data") if args.data is not None else (OF_FACES, "reference")
    for name in others:
        if getattr(args, name) is not None:
            args.usage_error(f"--{name.replace('_', '-')} cannot be used with --{with_}")
    if args.weights and args.reference is not None and args.lq is None:
        args.usage_error("--weights with --reference needs --lq")
    if args.manifest and not (args.split or args.niqe_split):
        args.usage_error("--manifest needs --split or --niqe-split")


def _named(args: argparse.Namespace, option: str) -> list[tuple[str, str]]:
    """Name of the column and weights or folder. One alone is called "restored"."""
    texts = getattr(args, option) or []
    alone = len(args.weights or []) + len(args.restored or []) == 1
    found = []
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            name, value = "restored" if alone else Path(text).name, text
        found.append((name, value))
    return found


def _plan(args: argparse.Namespace):
    """The plan that the other options amount to."""
    from psfr_tf.evaluation.plan import Plan

    systems: list[dict] = []
    if args.data or args.lq:
        systems.append({"name": "input", "baseline": "bicubic"})
    for text in args.against:
        name, equals, folder = text.partition("=")
        systems.append({"name": name, "folder" if equals else "baseline": folder or name})
    for name, folder in _named(args, "restored"):
        systems.append({"name": name, "folder": folder})
    for name, weights in _named(args, "weights"):
        systems.append({"name": name, "weights": weights, "fidelity": args.fidelity})
    given = {name: getattr(args, name) for name in OF_FACES + OF_FOLDERS}
    given["faces"] = given.pop("data")
    data = {k: v if isinstance(v, int) else str(v) for k, v in given.items() if v is not None}
    data |= {"resize": True} if args.resize else {}
    return Plan.model_validate({"data": data, "systems": systems})
