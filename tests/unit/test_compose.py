"""The compose file: valid by the schema of the Compose Specification, and true to our own code.

The schema is the one that check-jsonschema brings along. No container is started here.
"""

import json
import re
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema.validators import validator_for

import deploy.cli
from deploy.settings import load
from deploy.stack.broker import broker_settings
from serving.model_config import BACKENDS

FOLDER = Path(deploy.cli.__file__).parent
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]
TRITONS = [name for name in SERVICES if name.startswith("triton")]
FOR_SEVERAL_LISTENERS = {"listener.security.protocol.map", "inter.broker.listener.name"}


def ports() -> Iterator[str]:
    for service in SERVICES.values():
        yield from service.get("ports", [])


def test_it_is_valid_by_the_schema_of_the_specification() -> None:
    schema = distribution("check-jsonschema").locate_file("check_jsonschema/builtin_schemas/vendor/compose-spec.json")
    specification = json.loads(Path(str(schema)).read_text())
    errors = validator_for(specification)(specification).iter_errors(COMPOSE)
    assert [error.message for error in errors] == []


def test_every_port_is_published_on_the_loopback_address_alone() -> None:
    assert list(ports())
    assert all(port.startswith("127.0.0.1:") for port in ports())


def test_every_foreign_image_has_a_version() -> None:
    images = {service["image"] for service in SERVICES.values() if "build" not in service}
    assert all(re.search(r":\d+\.\d+", image) for image in images)
    assert "apache/kafka:4.3.1" in images


@pytest.mark.parametrize("name", OURS)
def test_our_services_run_commands_that_exist_with_settings_that_are_valid(name: str) -> None:
    service = SERVICES[name]
    assert service["command"][0] in deploy.cli.COMMANDS
    settings = load(None, service["environment"])
    assert settings.kafka.bootstrap_servers == "broker:29092"
    mounted = {volume.partition(":")[2] for volume in service["volumes"]}
    assert {settings.models.repository, settings.worker.datadir} <= mounted


def test_the_brokers_variables_are_settings_of_kafka() -> None:
    known = broker_settings(Path("data"), 9092, 9093).keys() | FOR_SEVERAL_LISTENERS
    variables = SERVICES["broker"]["environment"].keys() - {"CLUSTER_ID"}
    assert {name.removeprefix("KAFKA_").lower().replace("_", ".") for name in variables} <= known


@pytest.mark.parametrize("name", TRITONS)
def test_triton_reads_the_configuration_that_is_written_for_its_backend(name: str) -> None:
    (chosen,) = [word for word in SERVICES[name]["command"] if word.startswith("--model-config-name=")]
    backend, _ = BACKENDS[f"configs/{chosen.partition('=')[2]}.pbtxt"]
    assert backend == "onnxruntime"


@pytest.mark.parametrize("name", TRITONS)
def test_each_triton_is_found_under_the_name_that_the_worker_asks(name: str) -> None:
    host = SERVICES["worker"]["environment"]["NEXTUP_TRITON_URL"].partition(":")[0]
    assert host in SERVICES[name]["networks"]["default"]["aliases"]
    assert SERVICES[name]["profiles"]


def test_only_services_and_volumes_that_exist_are_named() -> None:
    for service in SERVICES.values():
        assert service.get("depends_on", {}).keys() <= SERVICES.keys()
        assert {volume.partition(":")[0] for volume in service.get("volumes", [])} <= COMPOSE["volumes"].keys()


def test_the_image_is_built_from_files_that_exist() -> None:
    root = FOLDER.parent
    copied = re.findall(r"^COPY (.+) \S+$", (FOLDER / "Dockerfile").read_text(), re.MULTILINE)
    assert copied
    assert all((root / path).exists() for line in copied for path in line.split())
