"""Packaging. `export/` and `android_bench/` sit at the top level and install inside psfr_tf."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
VERSION = re.search(
    r'__version__ = "(.+)"', (ROOT / "psfr_tf" / "__init__.py").read_text(encoding="utf-8")
).group(1)

MAPPED = {"psfr_tf.export": "export", "psfr_tf.android_bench": "android_bench"}
packages = find_packages(include=["psfr_tf", "psfr_tf.*"])
for package, folder in MAPPED.items():
    if (ROOT / folder / "__init__.py").is_file():
        packages += [package] + [f"{package}.{name}" for name in find_packages(folder)]

setup(
    name="psfr_tf",
    version=VERSION,
    description="Blind face restoration with PSFR-GAN in TensorFlow and Keras 3",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=packages,
    package_dir={name: folder for name, folder in MAPPED.items() if name in packages},
    package_data={
        "psfr_tf": ["weights/*/*", "evaluation/*.html", "faces/mtcnn_networks/*"],
        "psfr_tf.export.serving": ["*.yml", "*.config", "*.txt"],
        "psfr_tf.android_bench": ["schema.json"],
    },
    # Lower and upper bounds of what is tested; constraints.txt pins the exact tested set.
    install_requires=[
        "tensorflow>=2.20,<2.22",
        "keras>=3.12,<3.16",
        "ai-edge-litert>=2.2,<2.4",
        "numpy>=1.26,<3",
        "opencv-python-headless>=4.10,<6",
        "pillow>=11,<14",
        "scikit-image>=0.24,<0.27",
        "scipy>=1.13,<1.18",
        "absl-py>=2.1,<3",
        "matplotlib>=3.9,<3.12",
        "tensorboard>=2.20,<2.22",
        "tqdm>=4.66,<5",
        "PyYAML>=6.0,<7",
        "pydantic>=2.7,<3",
    ],
    extras_require={
        "torch": ["torch>=2.4,<3"],
        "heif": ["pillow-heif>=1.0,<2"],
        "serving": ["tensorflow-serving-api>=2.20,<2.22"],
        "quantizer": ["ai-edge-quantizer>=0.10,<0.11"],
        "dev": [
            "torch>=2.4,<3",
            "tensorflow-serving-api>=2.20,<2.22",
            "ai-edge-quantizer>=0.10,<0.11",
            "pillow-heif>=1.0,<2",
            "mtcnn>=1.0,<1.1",
            "jsonschema>=4.21,<5",
            "pytest>=8,<10",
            "pytest-xdist>=3.6,<4",
            "ruff>=0.15,<0.18",
            "import-linter>=2.1,<3",
        ],
    },
    entry_points={"console_scripts": ["psfr = psfr_tf.cli.main:entry_point"]},
)
