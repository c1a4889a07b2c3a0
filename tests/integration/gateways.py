"""A real gateway process for the tests."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from deploy.stack.process import ChildProcess
from streams.contract.connection import KafkaConnection
from tests.emails_made import SENDING

START_S = 120.0


class RunningGateway:
    """A gateway that answers, and a client for it."""

    def __init__(self, process: ChildProcess, url: str, key: str) -> None:
        self.process = process
        self.url = url
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.client = httpx.Client(base_url=url, timeout=60, headers=self.headers)

    def metric(self, line: str) -> float:
        """The value behind `line`, a metric's name with its labels; 0 where it is not there yet."""
        found = re.search(rf"^{re.escape(line)} (\S+)$", self.client.get("/metrics").text, re.MULTILINE)
        return float(found[1]) if found else 0.0


@contextmanager
def running_gateway(kafka: KafkaConnection, folder: Path, key: str = "", **more: str) -> Iterator[RunningGateway]:
    """A gateway with its copy of the topics in `folder`, as soon as it is ready."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "NEXTUP_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "NEXTUP_KAFKA_TOPIC_PREFIX": kafka.topic_prefix,
        "NEXTUP_GATEWAY_ADDRESS": "127.0.0.1:0",
        "NEXTUP_GATEWAY_DATADIR": str(folder / "gateway"),
        "NEXTUP_GATEWAY_KEYS_FILE": str(folder / "keys.json"),
        **more,
    }
    command = [sys.executable, "-m", "deploy", "gateway"]
    log = folder / "gateway.log"
    began = log.stat().st_size if log.exists() else 0
    with ChildProcess(command, name="gateway", log=log, environment=environment) as process:
        process.wait_until_ready(lambda: _is_ready(_url(log, began)), START_S)
        yield RunningGateway(process, _url(log, began), key)


def email_settings(folder: Path, signed_with: str) -> dict[str, str]:
    """What makes a gateway serve the links of emails."""
    rules = folder / "rules.toml"
    rules.write_text("\n".join(["[sending]", *(f'{name} = "{value}"' for name, value in SENDING.items())]))
    return {"NEXTUP_EMAILS_RULES": str(rules), "NEXTUP_EMAILS_LINK_SECRET": signed_with}


def _url(log: Path, began: int) -> str:
    """Where this start of the gateway says that it listens; "" as long as it has not."""
    told = re.search(r"gateway: (http://\S+)", log.read_text()[began:])
    return told[1] if told else ""


def _is_ready(url: str) -> bool:
    try:
        return bool(url) and httpx.get(f"{url}/ready", timeout=10).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
