"""The files for the server agree with each other, with the export and with TF Serving's protos."""

import re
from pathlib import Path

import pytest
import yaml
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
    wrappers_pb2,
)

import psfr_tf.export.serving
from psfr_tf.cli.restore import DEFAULT_WEIGHTS
from psfr_tf.export.warmup import BATCH_SIZES

FOLDER = Path(psfr_tf.export.serving.__file__).parent


def text(name):
    return (FOLDER / name).read_text(encoding="utf-8")


def message(name, fields):
    """A message that tensorflow-serving-api does not have, from its published definition.

    `fields`: name -> (number, type, repeated), the type a scalar's name or a full message name.
    """
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{name}.proto", package="tensorflow.serving", syntax="proto3"
    )
    file.dependency.append(wrappers_pb2.DESCRIPTOR.name)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    kinds = descriptor_pb2.FieldDescriptorProto
    for message_name, its_fields in {name: fields, **NESTED.get(name, {})}.items():
        proto = file.message_type.add(name=message_name)
        for field, (number, kind, repeated) in its_fields.items():
            added = proto.field.add(name=field, number=number)
            added.label = kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
            if kind[0] == ".":
                added.type, added.type_name = kinds.TYPE_MESSAGE, kind
            else:
                added.type = getattr(kinds, f"TYPE_{kind.upper()}")
    pool.Add(file)
    descriptor = pool.FindMessageTypeByName(f"tensorflow.serving.{name}")
    return message_factory.GetMessageClass(descriptor)()


INT64 = ".google.protobuf.Int64Value"
# servables/tensorflow/session_bundle_config.proto
BATCHING = {
    "max_batch_size": (1, INT64, False),
    "batch_timeout_micros": (2, INT64, False),
    "max_enqueued_batches": (3, INT64, False),
    "num_batch_threads": (4, INT64, False),
    "thread_pool_name": (5, ".google.protobuf.StringValue", False),
    "allowed_batch_sizes": (6, "int64", True),
    "pad_variable_length_inputs": (7, "bool", False),
}
# config/monitoring_config.proto
MONITORING = {"prometheus_config": (1, ".tensorflow.serving.PrometheusConfig", False)}
NESTED = {
    "MonitoringConfig": {
        "PrometheusConfig": {"enable": (1, "bool", False), "path": (2, "string", False)}
    }
}


@pytest.fixture
def service():
    (service,) = yaml.safe_load(text("docker-compose.yml"))["services"].values()
    return service


@pytest.fixture
def models_config():
    pytest.importorskip("tensorflow_serving", reason="pip install '.[serving]'")
    from tensorflow_serving.config import model_server_config_pb2

    return text_format.Parse(text("models.config"), model_server_config_pb2.ModelServerConfig())


def test_batching_parameters():
    parameters = text_format.Parse(
        text("batching_parameters.txt"), message("BatchingParameters", BATCHING)
    )
    sizes = list(parameters.allowed_batch_sizes)
    # TF Serving's own conditions; and every request of the client must fit.
    assert sizes == sorted(set(sizes)) and sizes[-1] == parameters.max_batch_size.value == 8
    assert sizes == list(BATCH_SIZES)  # of the warm-up requests
    assert parameters.num_batch_threads.value >= 1


def test_monitoring_config():
    config = text_format.Parse(text("monitoring.config"), message("MonitoringConfig", MONITORING))
    assert config.prometheus_config.enable
    assert config.prometheus_config.path.startswith("/")


def test_flags_name_files_that_are_mounted(service):
    mounts = dict(volume.removesuffix(":ro").rsplit(":", 1)[::-1] for volume in service["volumes"])
    assert mounts["/config"] == "./" and "MODELS" in mounts["/models"]
    assert all(volume.endswith(":ro") for volume in service["volumes"])
    commented = re.findall(r"^ *# - (--\S+)", text("docker-compose.yml"), re.MULTILINE)
    flags = dict(flag.split("=") for flag in [*service["command"], *commented])
    files = {flag: value for flag, value in flags.items() if value.startswith("/config/")}
    assert set(files) == {
        "--model_config_file",
        "--monitoring_config_file",
        "--batching_parameters_file",
    }
    for value in files.values():
        assert (FOLDER / value.removeprefix("/config/")).is_file()


def test_the_models_are_where_the_export_puts_them(models_config, models, service):
    """An export with --output MODELS gives MODELS/NAME/VERSION; MODELS is mounted at /models."""
    (config,) = models_config.model_config_list.config
    assert config.name == DEFAULT_WEIGHTS
    assert config.base_path == f"/models/{config.name}"
    assert config.model_platform == "tensorflow"
    exported = Path(config.base_path.replace(config.name, "face").replace("/models", str(models)))
    assert (exported / "7" / "saved_model.pb").is_file()


def test_ports_are_tf_servings_and_closed_to_other_machines(service):
    assert service["ports"] == ["127.0.0.1:8500:8500", "127.0.0.1:8501:8501"]
