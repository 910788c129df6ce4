"""What an import may bring along: the light parts stay light."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = {"tensorflow", "keras", "torch", "cv2", "mtcnn", "skimage"}


def imported_by(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sys.modules, sep='\\n')"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return set(result.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        "import psfr_tf",
        "import psfr_tf.cli.main as m\ntry: m.parse_arguments(['psfr', '--help'])\n"
        "except SystemExit: pass",
        "import psfr_tf.engines.litert",
    ],
)
def test_light_imports(code):
    assert not imported_by(code) & HEAVY


def test_detection_needs_no_tensorflow():
    code = (
        "import numpy as np\nfrom psfr_tf.faces.detect import FaceDetector\n"
        "FaceDetector()(np.full((64, 64, 3), 99, np.uint8))"
    )
    assert not imported_by(code) & (HEAVY - {"cv2"})


@pytest.mark.slow
def test_the_restore_path_does_not_import_training_code():
    modules = imported_by("from psfr_tf import FaceRestorer\nimport psfr_tf.models")
    assert "psfr_tf.restorer" in modules
    forbidden = ("psfr_tf.training", "psfr_tf.losses", "psfr_tf.data", "torch", "tensorboard")
    assert not [name for name in modules if name.startswith(forbidden)]


BENCHMARK = (
    "import pkgutil, importlib\n"
    "import psfr_tf.android_bench as package\n"
    "for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
    "    importlib.import_module(module.name)"
)


def test_benchmarks_need_neither_tensorflow_nor_the_networks():
    modules = imported_by(BENCHMARK)
    assert "psfr_tf.android_bench.harness" in modules
    assert not modules & (HEAVY - {"cv2"})


def test_unknown_attributes_are_errors():
    import psfr_tf

    with pytest.raises(AttributeError, match="no attribute 'Restorer'"):
        psfr_tf.Restorer  # noqa: B018


def test_a_checkout_finds_its_parts_while_another_copy_is_installed():
    """`python -m` in a checkout takes its psfr_tf; setup.py maps export/ into installed ones."""
    command = [
        sys.executable,
        "-S",
        "-c",
        "import psfr_tf.export.variants as d; print(d.__file__)",
    ]
    packages = {"PYTHONPATH": sysconfig.get_path("purelib"), "PYTHONSAFEPATH": ""}
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=packages)
    assert result.stdout.strip() == str(ROOT / "export" / "variants.py"), result.stderr
