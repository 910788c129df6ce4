"""Classes of this package known to Keras from `import psfr_tf` on, without importing Keras.

`keras.saving.load_model` finds a class by its registered name only. Ours register themselves when
their modules are imported, which `import psfr_tf` does not do. So each name stands in Keras'
registry from the beginning, with something in its place that imports the class when it is needed.
"""

import importlib
import importlib.abc
import importlib.machinery
import sys
from types import ModuleType
from typing import Any

PACKAGE = "psfr_tf"
# Registered class: its module.
CLASSES = {
    "DamageGate": "layers.damage_gate",
    "InstanceNormalization": "layers.instance_norm",
    "ReflectionPadding2D": "layers.padding",
    "SpectralNormConv2D": "layers.spectral_norm",
    "StyleTransformation": "layers.style_transformation",
    "StyledResidualBlock": "layers.style_transformation",
    "UpsampledConv2D": "layers.subpixel_conv",
    "HalfSizeAveragePool": "models.discriminator",
    "MultiScaleDiscriminator": "models.discriminator",
    "PatchDiscriminator": "models.discriminator",
    "FaceParsingNetwork": "models.face_parsing",
    "ParsingConv": "models.face_parsing",
    "ParsingResidualBlock": "models.face_parsing",
    "FixedNoise": "models.generator",
    "Generator": "models.generator",
    "LearnedConstant": "models.generator",
    "ReferencePyramid": "models.generator",
    "FaceDescriptor": "models.pretrained",
    "VGGFeatures": "models.vgg",
    "Adam": "training.adam",
    "PSFRGAN": "training.psfrgan",
    "LearningRate": "training.schedule",
}


class _Unloaded:
    """Stands for a class until a file asks for it."""

    def __init__(self, name: str):
        self.__name__ = name

    def from_config(self, config: dict[str, Any]) -> Any:
        module = importlib.import_module(f"{PACKAGE}.{CLASSES[self.__name__]}")
        return getattr(module, self.__name__).from_config(config)


class _AfterKeras(importlib.abc.MetaPathFinder):
    """Registers the names as soon as Keras has been imported."""

    def find_spec(self, name, path=None, target=None):
        if name != "keras":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def then_register(module: ModuleType) -> None:
            execute(module)
            _register(module)

        spec.loader.exec_module = then_register  # type: ignore[method-assign]
        return spec


def register() -> None:
    """Let Keras know the names, now or when it is imported."""
    keras = sys.modules.get("keras")
    if keras is not None and hasattr(keras, "saving"):
        _register(keras)
    else:
        sys.meta_path.insert(0, _AfterKeras())


def _register(keras: ModuleType) -> None:
    known = keras.saving.get_custom_objects()
    for name in CLASSES:
        known.setdefault(f"{PACKAGE}>{name}", _Unloaded(name))
