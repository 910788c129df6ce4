"""A table as a YAML file: faces, systems, metrics."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from psfr_tf.data.forms import Form
from psfr_tf.errors import UserError
from psfr_tf.evaluation.faces import FolderFaces
from psfr_tf.evaluation.systems import BASELINES, ComparedFaces, Model, ResultFolder, System
from psfr_tf.metric_names import NAMES, did_you_mean, known_name
from psfr_tf.model_folder import operating_point, read_config
from psfr_tf.yaml_file import PlainName, read_yaml, validated

if TYPE_CHECKING:
    from psfr_tf.evaluation.degraded import DegradedFaces, SharpFaces

DEFAULT_SIZE = 512


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_default=True, allow_inf_nan=False)


class FacesConfig(_Section):
    """Which faces: sharp ones to degrade, or a finished set of originals and degraded ones."""

    faces: str | Annotated[list[str], Field(min_length=1)] | None = Field(
        None, description="folder of sharp aligned faces, or of images/; or a list of them"
    )
    split: str | None = Field(None, description="faces of this split of the manifest; null: all")
    manifest: str | None = Field(
        None, description="CSV with name and split; null: manifest.csv of each folder"
    )
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    degradation: Form | Annotated[list[Form], Field(min_length=1)] = Field(
        "paper", description="a list of forms measures each and makes one table of all"
    )
    size: Annotated[int, Field(ge=32, le=512)] | None = Field(
        None, description="side of the faces compared; null: that of the first model, else 512"
    )
    reference: str | None = Field(None, description="folder of originals, instead of faces")
    lq: str | None = Field(None, description="with reference: folder of degraded faces")
    resize: bool = Field(False, description="bring results, and lq, to the size of their originals")
    masks: str | None = Field(None, description="folder of parsing maps NAME.png; null: none")
    niqe_split: str | None = Field(
        None,
        description="fit NIQE's model to the originals of this split; null: to those compared",
    )

    @model_validator(mode="after")
    def _one_source(self):
        if (self.faces is None) == (self.reference is None):
            raise ValueError("give either faces (to be degraded) or reference (originals)")
        if self.lq and not self.reference:
            raise ValueError("lq needs reference")
        if self.niqe_split and not self.faces:
            raise ValueError("niqe_split needs faces")
        if isinstance(self.degradation, list):
            if not self.faces:
                raise ValueError("a list of degradations needs faces")
            if len(set(self.degradation)) < len(self.degradation):
                raise ValueError("a degradation is listed twice")
        if self.manifest and len(self.folders) > 1:
            raise ValueError("manifest needs one folder of faces")
        return self

    @property
    def folders(self) -> list[Path]:
        """Those of `faces`."""
        faces = self.faces or []
        return [Path(faces)] if isinstance(faces, str) else [Path(folder) for folder in faces]

    @property
    def manifests(self) -> list[Path]:
        """The manifest of each folder; a file may not be there."""
        if self.manifest:
            return [Path(self.manifest)]
        return [folder / "manifest.csv" for folder in self.folders]

    @property
    def forms(self) -> list[Form]:
        """The degradations to measure."""
        given = self.degradation
        return list(given) if isinstance(given, list) else [given]


class SystemConfig(_Section):
    """One column of the table."""

    name: PlainName  # also of a folder of the output
    weights: str | None = Field(None, description="shipped weights or a model folder")
    fidelity: Annotated[float, Field(ge=0, le=1)] | None = Field(
        None, description="operating point of the weights; null: the model's default"
    )
    folder: str | None = Field(None, description="folder of results of any system")
    baseline: Literal["bicubic", "nlm_unsharp"] | None = None

    @model_validator(mode="after")
    def _one_kind(self):
        if sum(value is not None for value in (self.weights, self.folder, self.baseline)) != 1:
            raise ValueError("give one of weights, folder, baseline")
        if self.fidelity is not None and not self.weights:
            raise ValueError("fidelity needs weights")
        return self

    def describe(self) -> str:
        what = str(self.weights or self.folder or self.baseline)
        return what if self.fidelity is None else f"{what}, fidelity {self.fidelity:g}"


class NetworksConfig(_Section):
    """Networks of the metrics of aligned faces; null: the file in the folder of the metrics."""

    identity: str | None = Field(None, description="face recognition, a Keras file")
    perceptual: str | None = Field(None, description="features, a Keras file")
    perceptual_layers: Annotated[list[str], Field(min_length=1)] | None = Field(
        None, description="its layers to compare; null: mixed3 and mixed4 of InceptionV3"
    )
    parsing: str = Field(
        "psfr-mobile-256", description="model whose parsing of an original says what is face"
    )


class Plan(_Section):
    """A whole table."""

    title: str | None = None
    data: FacesConfig
    systems: Annotated[list[SystemConfig], Field(min_length=1)]
    networks: NetworksConfig = Field(default_factory=NetworksConfig)
    metrics: list[str] | None = Field(None, description="null: all that can be computed")

    @field_validator("metrics")
    @classmethod
    def _known(cls, names):
        names = names and [known_name(name) for name in names]
        for name in names or ():
            if name not in NAMES:
                raise ValueError(f"unknown metric {name!r}; {did_you_mean(name)}")
        return names

    @model_validator(mode="after")
    def _different_names(self):
        names = [system.name for system in self.systems]
        if len(set(names)) < len(names):
            raise ValueError("two systems have one name")
        if isinstance(self.data.degradation, list) and not any(
            system.baseline == "bicubic" for system in self.systems
        ):
            raise ValueError("a list of degradations needs a system with baseline: bicubic")
        return self


@dataclass(frozen=True)
class Prepared:
    """A plan whose models are loaded.

    Attributes:
        source: the samples.
        settings: for the report.
        form: of the degradation.
        faces: those of the samples, degraded or of a finished set.
        niqe_originals: what NIQE's model is fitted to, if not to the originals of the samples.
    """

    source: ComparedFaces
    settings: dict
    form: Form
    faces: "FolderFaces | DegradedFaces"
    niqe_originals: "SharpFaces | None" = None


def load_plan(path: Path) -> Plan:
    """Read and check a plan.

    Raises:
        UserError: one line naming the file, the key and what is wrong.
    """
    return validated(Plan, read_yaml(path, ", ".join(Plan.model_fields)), path)


def prepare(plan: Plan) -> list[Prepared]:
    """Load the models and find the faces; one for each form of the degradation.

    A system that is not there is a line in the samples' problems, and the others are compared.

    Raises:
        UserError: if there are no faces, or none of the models and folders is there.
    """
    systems: dict[str, System] = {}
    problems: list[str] = []
    settings: dict[str, Any] = {"title": plan.title} if plan.title else {}
    for config in plan.systems:
        try:
            systems[config.name] = _make(config, plan.data.resize)
        except UserError as error:
            problems.append(f"{config.name}: {error}" if len(plan.systems) > 2 else str(error))
    wanted = [config.name for config in plan.systems if config.baseline is None]
    if problems and not any(name in systems for name in wanted):
        raise UserError(problems[0])
    models = {name: system for name, system in systems.items() if isinstance(system, Model)}
    size = plan.data.size or next((model.restorer.size for model in models.values()), DEFAULT_SIZE)
    settings |= {
        key: value
        for key, value in plan.data.model_dump().items()
        if value is not None
        and (plan.data.faces or key not in ("seed", "degradation"))
        and (value or key != "resize")
    }
    if plan.data.faces:
        settings["size"] = size
    settings["systems"] = {config.name: config.describe() for config in plan.systems}
    if models:
        points = {
            config.name: _fidelity(models[config.name], config)
            for config in plan.systems
            if config.name in models
        }
        points = {name: point for name, point in points.items() if point is not None}
        settings |= {"fidelity": points} if points else {}
        settings["weights_sha256"] = {
            name: _sha256(model.restorer.path) for name, model in models.items()
        }
    niqe_originals = _niqe_originals(plan.data, size)
    prepared = []
    for form in plan.data.forms:
        faces, masks = _faces(plan.data, size, form)
        source = ComparedFaces(faces, systems, masks)
        source.problems = problems + source.problems
        own = {**settings, "degradation": form} if plan.data.faces else settings
        prepared.append(Prepared(source, own, form, faces, niqe_originals))
    return prepared


def _make(config: SystemConfig, resize: bool) -> System:
    if config.baseline:
        return BASELINES[config.baseline]()
    if config.folder:
        return ResultFolder(Path(config.folder), resize)
    from psfr_tf.restorer import FaceRestorer

    weights = cast(str, config.weights)  # one of the three is given
    return Model(FaceRestorer.from_pretrained(weights, "tensorflow", config.fidelity))


def _fidelity(model: Model, config: SystemConfig) -> float | None:
    """The operating point that is measured; None for a model with only one."""
    path = model.restorer.path
    return operating_point(path, read_config(path), config.fidelity)


def _faces(data: FacesConfig, size: int, form: Form):
    """The faces, and the folder of parsing maps or None."""
    masks = Path(data.masks) if data.masks else None
    if masks and not masks.is_dir():
        raise UserError(f"{masks}: no such folder; leave data.masks out to measure no parsing")
    if data.reference:
        lq = Path(data.lq) if data.lq else None
        return FolderFaces(Path(data.reference), lq, data.resize), masks
    # TensorFlow, which draws the degradation, is only imported where something is degraded.
    from psfr_tf.evaluation.degraded import DegradedFaces

    for folder in data.folders:
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder; a folder of faces is needed")
    if masks is None and len(data.folders) == 1 and (data.folders[0] / "masks").is_dir():
        masks = data.folders[0] / "masks"
    names = _names(data, data.split) if data.split else None
    return DegradedFaces(images_of(data), size, data.seed, form, names), masks


def _niqe_originals(data: FacesConfig, size: int) -> "SharpFaces | None":
    if data.niqe_split is None:
        return None
    from psfr_tf.evaluation.degraded import SharpFaces

    names = _names(data, data.niqe_split)
    return SharpFaces(images_of(data), size, names, data.niqe_split)


def images_of(data: FacesConfig) -> list[Path]:
    """The folders in which the pictures of `data.faces` lie."""
    return [
        folder / "images" if (folder / "images").is_dir() else folder for folder in data.folders
    ]


def _names(data: FacesConfig, split: str) -> Sequence[str]:
    from psfr_tf.data.face_folder import read_split

    return [name for manifest in data.manifests for name in read_split(manifest, split)]


def _sha256(folder: Path | None) -> str:
    """Of the weights in a model folder, so that a report says what it measured."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.weights.h5")) if folder else ():
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
