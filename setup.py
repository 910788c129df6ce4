"""What pyproject.toml cannot say: mapped packages, and README's links for readers elsewhere.

`export/` and `android_bench/` sit at the top level and install inside psfr_tf.
"""

import os
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

readme = (ROOT / "README.md").read_text(encoding="utf-8")
repository = os.environ.get("PSFR_TF_REPOSITORY", "").rstrip("/")
if repository:  # A release: a package index shows README alone, where relative links lead nowhere.

    def absolute(match: re.Match) -> str:
        kind = "raw" if match[1].startswith("!") else "blob"
        return f"{match[1]}({repository}/{kind}/v{VERSION}/{match[2]})"

    readme = re.sub(r"(!?\[[^\]]*\])\((?!https?:|#)([^)]+)\)", absolute, readme)

setup(
    version=VERSION,
    long_description=readme,
    long_description_content_type="text/markdown",
    project_urls={"Repository": repository} if repository else {},
    packages=packages,
    package_dir={name: folder for name, folder in MAPPED.items() if name in packages},
    package_data={
        "psfr_tf": [
            "py.typed",
            "weights/*/*",
            "evaluation/*.js",
            "report/*.html",
            "report/*.mplstyle",
            "faces/mtcnn_networks/*",
        ],
        "psfr_tf.export.serving": ["*.yml", "*.config", "*.txt", "kubernetes/*.yaml"],
        "psfr_tf.android_bench": ["schema.json"],
    },
    # For fine-tuning with it, from a checkout: a wheel has at most 20 MB.
    exclude_package_data={"psfr_tf": ["weights/*/discriminator.weights.h5"]},
)
