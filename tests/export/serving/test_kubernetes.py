"""The Kubernetes files against the API's schemas, and the probe against a server's answers."""

import http.server
import shutil
import subprocess
import threading

import pytest
import yaml
from test_server_files import FOLDER, text

from psfr_tf.cli.restore import DEFAULT_WEIGHTS

FILES = ("deployment.yaml", "service.yaml", "autoscaler.yaml")
IMAGE = "tensorflow/serving"


def resources(*files):
    folder = FOLDER / "kubernetes"
    every = [
        one for file in files for one in yaml.safe_load_all((folder / file).read_text("utf-8"))
    ]
    return {f"{one['kind']} {one['metadata']['name']}": one for one in every}


@pytest.fixture(scope="module")
def deployment():
    return resources("deployment.yaml")["Deployment psfr-serving"]


def container(deployment):
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return container


def test_the_schemas_of_the_api_accept_them():
    validate = pytest.importorskip("kubernetes_validate", reason="a development dependency")
    for resource in resources(*FILES).values():
        validate.validate(resource, validate.latest_version(), strict=True)
    # KServe's resources are not in Kubernetes' schemas: the parts that are its own are.
    (kserve,) = resources("kserve.yaml").values()
    model = kserve["spec"]["predictor"]["model"]
    pod = {"containers": [{"name": "x", "resources": model["resources"]}]}
    check = {"apiVersion": "v1", "kind": "Pod", "metadata": kserve["metadata"], "spec": pod}
    validate.validate(check, validate.latest_version(), strict=True)
    assert model["storageUri"].endswith(f"/{DEFAULT_WEIGHTS}")


def test_they_fit_together(deployment):
    every = resources(*FILES)
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    ports = {port["name"]: port["containerPort"] for port in container(deployment)["ports"]}
    assert ports == {"grpc": 8500, "rest": 8501}
    for name, port in (("psfr-serving-grpc", "grpc"), ("psfr-serving", "rest")):
        spec = every[f"Service {name}"]["spec"]
        assert spec["selector"] == labels
        assert [(one["targetPort"], one["port"]) for one in spec["ports"]] == [(port, ports[port])]
    assert every["Service psfr-serving-grpc"]["spec"]["clusterIP"] == "None"
    target = every["HorizontalPodAutoscaler psfr-serving"]["spec"]["scaleTargetRef"]
    assert target == {key: deployment.get(key, "psfr-serving") for key in target}
    monitoring = every["ConfigMap psfr-serving"]["data"]["monitoring.config"]
    written = [line for line in text("monitoring.config").splitlines() if line[:1] != "#"]
    assert monitoring.split() == " ".join(written).split()


def test_one_image_and_one_model_everywhere(deployment):
    image = container(deployment)["image"]
    assert image == f"{IMAGE}:2.20.0"
    (service,) = yaml.safe_load(text("docker-compose.yml"))["services"].values()
    assert service["image"] == f"{IMAGE}:${{TF_SERVING_TAG:-2.20.0}}"
    flags = dict(flag.removeprefix("--").split("=") for flag in container(deployment)["args"])
    assert flags["model_name"] == DEFAULT_WEIGHTS
    assert flags["model_base_path"] == f"/models/{DEFAULT_WEIGHTS}"
    (kserve,) = resources("kserve.yaml").values()
    assert kserve["spec"]["predictor"]["model"]["runtimeVersion"] == image.split(":")[1]


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not there")
@pytest.mark.parametrize(
    ("state", "code"), [("AVAILABLE", 0), ("LOADING", 1), ("UNLOADING", 1), (None, 1)]
)
def test_the_probe_reads_the_state_of_the_model(deployment, state, code):
    """TF Serving's status URL answers 200 in every state."""
    (service,) = yaml.safe_load(text("docker-compose.yml"))["services"].values()
    readiness = container(deployment)["readinessProbe"]["exec"]["command"]
    assert service["healthcheck"]["test"] == ["CMD", *readiness]
    assert container(deployment)["startupProbe"]["exec"]["command"] == readiness

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            found = self.path == f"/v1/models/{DEFAULT_WEIGHTS}"
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(b'{"model_version_status": [{"state": "%s"}]}' % state.encode())

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    if state is None:
        server.server_close()
    else:
        threading.Thread(target=server.handle_request, daemon=True).start()
    command = [part.replace("8501", str(server.server_port)) for part in readiness]
    result = subprocess.run(command, capture_output=True, timeout=30)
    server.server_close()
    assert (result.returncode == 0) == (code == 0)
