"""Keep notes of libraries off the terminal: TensorFlow's start-up, Pillow's on metadata."""

import importlib.util
import os
import sys
import warnings

from psfr_tf.machine import closed_stderr


def silence_tensorflow() -> None:
    """Silence what TensorFlow's C++ libraries print, as it is imported and later.

    TF_CPP_MIN_LOG_LEVEL governs the latter only: the libraries write some lines while they are
    loaded, before they read it (seen with 2.21). So stderr is closed during the import. Errors
    of the import itself are exceptions and come through. Has no effect once TensorFlow is
    imported.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _QuietImport())


def silence_pillow() -> None:
    """Silence Pillow's warnings, of damaged metadata above all; ours name the file.

    Once, before there are threads: a change of the filters is one for the whole process.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")


class _QuietImport:
    """Import hook: runs the module `tensorflow` with stderr closed, then is gone."""

    def find_spec(self, name, path=None, target=None):
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def execute_quietly(module):
            with closed_stderr():
                execute(module)
            from absl import logging

            # TensorFlow notes every checkpoint and every renamed input at the level of information.
            logging.set_verbosity(logging.WARNING)

        spec.loader.exec_module = execute_quietly
        return spec
