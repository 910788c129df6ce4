"""`python -m psfr_tf.export.serving.client`: another name of `psfr restore --server`."""

import runpy
import sys

if __name__ == "__main__":
    sys.argv[0:1] = ["psfr", "restore"]
    runpy.run_module("psfr_tf.cli.main", run_name="__main__")
