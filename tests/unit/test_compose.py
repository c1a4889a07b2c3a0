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
from click.testing import CliRunner
from jsonschema.validators import validator_for

import deploy.cli
from deploy.settings import SETTINGS, load
from deploy.stack.broker import broker_settings
from serving.model_config import BACKENDS
from streams.emails.rules import read_rules

FOLDER = Path(deploy.cli.__file__).parent
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]
TRITONS = [name for name in SERVICES if name.startswith("triton")]
FOR_SEVERAL_LISTENERS = {"listener.security.protocol.map", "inter.broker.listener.name"}


def environment_of(name: str) -> dict[str, str]:
    """What a service gets where nothing is set outside."""
    return {variable: value for variable, value in SERVICES[name]["environment"].items() if value is not None}


def mounts(name: str) -> dict[str, str]:
    """Where each volume or file of the host is found in a service, by that place."""
    named = (volume.partition(":") for volume in SERVICES[name].get("volumes", []) if isinstance(volume, str))
    bound = (volume for volume in SERVICES[name].get("volumes", []) if isinstance(volume, dict))
    return {place: volume for volume, _, place in named} | {file["target"]: file["source"] for file in bound}


def ports() -> Iterator[str]:
    for service in SERVICES.values():
        yield from service.get("ports", [])


def test_it_is_valid_by_the_schema_of_the_specification() -> None:
    schema = distribution("check-jsonschema").locate_file("check_jsonschema/builtin_schemas/vendor/compose-spec.json")
    specification = json.loads(Path(str(schema)).read_text())
    errors = validator_for(specification)(specification).iter_errors(COMPOSE)
    assert [error.message for error in errors] == []


def test_what_runs_on_has_the_time_to_end_in_order() -> None:
    lasting = [name for name in OURS if SERVICES[name].get("restart") == "unless-stopped"]
    assert set(lasting) >= {"worker", "gateway", "emails", "nightly", "guard", "refresh"}
    assert {SERVICES[name].get("stop_grace_period") for name in lasting} == {"30s"}


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
    settings = load(None, environment_of(name))
    assert settings.kafka.bootstrap_servers == "broker:29092"
    needed = {
        "gateway": {settings.models.repository, str(Path(settings.gateway.datadir).parent), settings.emails.rules},
        "emails": {settings.emails.datadir, settings.emails.rules},
    }
    assert needed.get(name, {settings.models.repository, settings.worker.datadir}) <= mounts(name).keys()


@pytest.mark.parametrize("name", OURS)
def test_every_variable_that_is_handed_on_from_outside_is_a_setting(name: str) -> None:
    handed_on = {variable for variable, value in SERVICES[name]["environment"].items() if value is None}
    assert handed_on - {"FORWARDED_ALLOW_IPS"} <= {setting.variable for setting in SETTINGS.values()}


@pytest.mark.parametrize("name", OURS)
def test_the_folders_of_our_volumes_belong_to_the_user_of_the_image(name: str) -> None:
    (made,) = re.findall(r"install -d -o nextup -g nextup (.+)$", (FOLDER / "Dockerfile").read_text(), re.MULTILINE)
    assert {place for place, volume in mounts(name).items() if volume in COMPOSE["volumes"]} <= set(made.split())


def test_the_gateway_keeps_its_keys_on_a_volume_and_is_reached_from_the_host() -> None:
    settings = load(None, environment_of("gateway")).gateway
    host, _, port = settings.address.partition(":")
    assert host == "0.0.0.0"  # noqa: S104 - in its own container
    assert SERVICES["gateway"]["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert any(f"127.0.0.1:{port}/ready" in word for word in SERVICES["gateway"]["healthcheck"]["test"])
    assert mounts("gateway")[str(Path(settings.keys_file).parent)] == "gateway"


def test_the_way_to_the_first_key_is_a_command_that_exists() -> None:
    (told,) = re.findall(r"--no-deps gateway (gateway .+) NAME$", (FOLDER / "compose.yaml").read_text(), re.MULTILINE)
    words = [*told.split(), "NAME", "--help"]
    assert CliRunner().invoke(deploy.cli.main, words).exit_code == 0


def test_emails_and_gateway_go_by_the_same_rules_and_secret_and_the_default_rules_exist() -> None:
    of_both = [SERVICES[name]["environment"] for name in ("emails", "gateway")]
    assert len({each["NEXTUP_EMAILS_RULES"] for each in of_both}) == 1
    assert all("NEXTUP_EMAILS_LINK_SECRET" in each for each in of_both)
    (default,) = {re.sub(r"^\$\{\w+:-(.+)\}$", r"\1", mounts(n)["/rules/emails.toml"]) for n in ("emails", "gateway")}
    assert read_rules(FOLDER / default).sending
    assert SERVICES["emails"]["profiles"] == ["emails"]


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
    for name in SERVICES:
        of_the_host = {volume for volume in mounts(name).values() if "/" in volume}
        assert set(mounts(name).values()) - of_the_host <= COMPOSE["volumes"].keys()


def test_the_image_is_built_from_files_that_exist() -> None:
    root = FOLDER.parent
    copied = re.findall(r"^COPY (.+) \S+$", (FOLDER / "Dockerfile").read_text(), re.MULTILINE)
    assert copied
    assert all((root / path).exists() for line in copied for path in line.split())
