"""Quantized LiteRT files from a float32 one, with litert-quantizer.

For what TensorFlow's converter cannot do: int8 weights with float arithmetic, and int8 arithmetic
for chosen operations only. These are the convolutions. Instance norm, leaky ReLU and the modulation
stay in float32: as int8 they cost most of the accuracy, and they are a small part of the work.
"""

import contextlib
import dataclasses
import math
import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from psfr_tf.engines.tensorflow_converter import SIGNATURE
from psfr_tf.errors import UserError


def need_package(precision: str) -> None:
    """Raises UserError: litert-quantizer is not installed."""
    try:
        import litert_quantizer  # noqa: F401
    except ImportError:
        raise UserError(
            f"--precision {precision} needs litert-quantizer: pip install 'psfr_tf[quantizer]'"
        ) from None


def quantize(
    content: bytes, precision: str, samples: Iterable[dict[str, np.ndarray]] | None = None
) -> bytes:
    """Quantize the convolutions of a float32 LiteRT file.

    Args:
        content: the file, with the signature `serving_default`.
        precision: "int8-weights" or "int8".
        samples: for "int8": inputs by name, from which the ranges of the activations are read.

    Raises:
        UserError: litert-quantizer is not installed.
    """
    need_package(precision)
    from litert_quantizer import qtyping, quantizer
    from litert_quantizer.calibrator import CalibrationMode

    tool = quantizer.Quantizer(content)
    convolutions: Any = (".*", qtyping.TFLOperationName.CONV_2D)
    ranges = None
    with _quiet():
        if precision == "int8-weights":
            tool.add_weight_only_config(*convolutions, num_bits=8)
        elif precision == "int8":
            tool.add_static_config(*convolutions, activation_num_bits=8, weight_num_bits=8)
            # The default mode keeps every tensor of the network: over 20 GB for psfrgan-512.
            ranges = tool.calibrate(
                {SIGNATURE: samples},
                num_threads=os.cpu_count() or 1,
                mode=CalibrationMode.CALIBRATION_PROFILER_BASED,
            )
        else:
            raise ValueError(f"`precision` must be int8-weights or int8. Received: {precision!r}")
        with _large_kernels():
            return bytes(tool.quantize(ranges).quantized_model)


@contextlib.contextmanager
def _quiet():
    """The quantizer prints its own progress bars and sums to stdout and stderr."""
    with (
        open(os.devnull, "w") as null,
        contextlib.redirect_stdout(null),
        contextlib.redirect_stderr(null),
    ):
        yield


@contextlib.contextmanager
def _large_kernels():
    """Quantize kernels above 32 MiB in parts.

    litert-quantizer 0.11 reshapes these, but not their scales, and fails ("input operand has more
    dimensions than allowed"). The kernels of `psfrgan-512` at 16x16 are of that size.
    """
    from litert_quantizer.algorithms.uniform_quantize import uniform_quantize_tensor as module

    original = module.uniform_quantize

    def in_parts(kernel, parameters, *arguments, **options):
        if kernel.ndim != 4 or parameters.quantized_dimension != 0:
            return original(kernel, parameters, *arguments, **options)
        parts = []
        for channels in np.array_split(np.arange(len(kernel)), math.ceil(kernel.nbytes / 2**24)):
            chosen = dataclasses.replace(
                parameters,
                scale=parameters.scale[channels],
                zero_point=parameters.zero_point[channels],
            )
            parts.append(original(kernel[channels], chosen, *arguments, **options))
        return np.concatenate(parts)

    module.uniform_quantize = in_parts
    try:
        yield
    finally:
        module.uniform_quantize = original
