"""What files of a model compute: the whole of it, or one of its two networks.

Inputs and outputs by name, with B faces (LiteRT: 1) of side S:

    restorer    lq -> restored, labels, parsing
    parsing     lq -> parsing
    generator   lq, parsing -> restored

`lq` and `restored` are float32 [B, S, S, 3] RGB in [-1, 1] (`restored` is not clipped), `labels`
uint8 [B, S, S] (0..18), parsing maps float32 [B, S, S, 19]: logits where they come out; where they
go in, what the generator takes (`InferenceForm.soft_parsing`).
"""

from collections.abc import Callable

import tensorflow as tf

from psfr_tf.labels import NUM_CLASSES
from psfr_tf.models.inference_form import InferenceForm

# Outputs of the restorer. The logits are 5 MB a face at S = 256 and 20 MB at 512.
OUTPUTS = {
    "image": ("restored",),
    "image,labels": ("restored", "labels"),
    "all": ("restored", "labels", "parsing"),
}
DEFAULT_OUTPUTS = "image,labels"


def part_function(
    form: InferenceForm, part: str, outputs: str = DEFAULT_OUTPUTS, batch: int | None = 1
) -> tuple[Callable, list[tf.TensorSpec]]:
    """A function of tensors that returns a dict of tensors, and its inputs.

    Args:
        form: the model.
        part: "restorer", "parsing" or "generator".
        outputs: of the restorer, one of `OUTPUTS`.
        batch: number of faces; None for any.
    """
    face = (batch, form.size, form.size)
    lq = tf.TensorSpec((*face, 3), tf.float32, name="lq")
    parsing = tf.TensorSpec((*face, NUM_CLASSES), tf.float32, name="parsing")

    def restorer(lq):
        made = form.restorer(lq)
        logits = made["logits"]
        labels = tf.cast(tf.argmax(logits, axis=-1, output_type=tf.int32), tf.uint8)
        known = {"restored": made["restored"], "labels": labels, "parsing": logits}
        return {name: known[name] for name in OUTPUTS[outputs]}

    functions: dict[str, tuple[Callable, list]] = {
        "restorer": (restorer, [lq]),
        "parsing": (lambda lq: {"parsing": form.parsing_network(lq)}, [lq]),
        "generator": (
            lambda lq, parsing: {"restored": form.generator([lq, parsing])},
            [lq, parsing],
        ),
    }
    return functions[part]
