"""Run on one Keras backend: outputs, losses and gradients of the networks, to an .npz file.

    KERAS_BACKEND=torch python backend_script.py FOLDER

FOLDER has inputs.npz and NETWORK.weights.h5; the file is written there as BACKEND.npz.
"""

import sys
from pathlib import Path

import keras
import numpy as np
from keras import ops

from psfr_tf import losses
from psfr_tf.errors import UserError
from psfr_tf.models import FaceParsingNetwork, Generator, MultiScaleDiscriminator
from psfr_tf.models.inference_form import inference_form

folder = Path(sys.argv[1])
inputs = np.load(folder / "inputs.npz")
lq, hq, labels = (ops.convert_to_tensor(inputs[name]) for name in ("lq", "hq", "labels"))
parsing = ops.one_hot(labels, 19, dtype="float32")
found = {}


def numbers(value) -> np.ndarray:
    return ops.convert_to_numpy(value)


def network(kind, name):
    made = kind.from_preset("psfr-test-64", load_weights=False)
    made.load_weights(folder / f"{name}.weights.h5")
    return made


generator = network(Generator, "generator")
parser = network(FaceParsingNetwork, "parsing")
discriminator = network(MultiScaleDiscriminator, "discriminator")
restored = generator([lq, parsing], training=False)
found["restored"] = numbers(restored)
found["logits"] = numbers(parser(lq, training=False)["logits"])
scales = discriminator(ops.concatenate([hq, parsing], -1), training=False)
found["score"] = numbers(scales[0]["score"])
light = Generator(
    64, {16: 8, 32: 8}, 4, subpixel=2, add_input=True, soft_parsing=True, noise=True,
    spectral_norm=False, light_normalization=True, damage_gate=True,
)  # fmt: skip
light.load_weights(folder / "light.weights.h5")
found["light"] = numbers(light([lq, parsing]))
form = inference_form(light, parser)
found["inference"] = numbers(form.restorer(lq)["restored"])
features = (parser.encode(restored), parser.encode(hq))
scores = [scale["score"] for scale in scales]
terms = {
    "pixel": lambda x: losses.pixel_loss(x, hq),
    "psnr": lambda x: losses.pixel_loss(x, hq, "psnr"),
    "chroma": lambda x: losses.chroma_loss(x, hq),
    "texture": lambda x: losses.texture_loss(x, hq, labels),
    "style": lambda x: losses.semantic_style_loss(parser.encode(x), features[1], labels, "paper"),
    "perceptual": lambda x: losses.perceptual_loss(parser.encode(x), features[1]),
    "identity": lambda x: losses.identity_loss(ops.mean(x, (1, 2)), ops.mean(hq, (1, 2))),
    "adversarial": lambda x: losses.generator_hinge_loss(scores, "paper") + 0 * ops.sum(x),
}
for name, term in terms.items():
    found[f"loss_{name}"] = numbers(term(restored))


def total(image):
    return sum(term(image) for term in terms.values())


if keras.backend.backend() == "tensorflow":
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = total(generator([lq, parsing], training=True))
    gradients = tape.gradient(loss, [v.value for v in generator.trainable_variables])
elif keras.backend.backend() == "torch":
    total(generator([lq, parsing], training=True)).backward()
    gradients = [variable.value.grad for variable in generator.trainable_variables]
else:
    import jax

    def loss_of(trainable):
        image, _ = generator.stateless_call(
            trainable,
            [v.value for v in generator.non_trainable_variables],
            [lq, parsing],
            training=True,
        )
        return total(image)

    gradients = jax.grad(loss_of)([v.value for v in generator.trainable_variables])
# The order of the weights is the backend's own.
found["gradient_norms"] = np.sort([np.linalg.norm(numbers(one)) for one in gradients])

if keras.backend.backend() != "tensorflow":
    try:
        import psfr_tf

        psfr_tf.PSFRGAN  # noqa: B018
    except UserError as error:
        found["refusal"] = np.array(str(error))
np.savez(folder / f"{keras.backend.backend()}.npz", **found)
