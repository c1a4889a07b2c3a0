"""Broker, Triton and worker on this machine, started in order and stopped whatever happens."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console

from deploy.demo.topic_sizes import TopicSizes
from deploy.settings import ModelSettings, Settings
from deploy.stack.broker import Broker
from deploy.stack.errors import DidNotStart
from deploy.stack.locations import app_python
from deploy.stack.ports import LOOPBACK
from deploy.stack.process import ChildProcess
from deploy.stack.triton import TritonServer
from serving.triton import TritonSettings
from streams.contract import topics
from streams.contract.connection import KafkaConnection
from streams.gateway.settings import GatewaySettings
from streams.worker.settings import WorkerSettings
from trainer.settings import TrainerSettings

WORKER_READY_WITHIN_S = 60.0
PAGE_PORT = 8080


class LocalStack:
    """A context manager. After `start` its `settings` say how to reach everything, and the file
    `<folder>/nextup.toml` says the same to any other command."""

    def __init__(self, folder: Path, console: Console, page_port: int = PAGE_PORT) -> None:
        self.folder = folder
        self._page_port = page_port
        self._console = console
        self._stops = ExitStack()
        self._children: list[ChildProcess] = []
        self.settings = Settings()

    @property
    def config_file(self) -> Path:
        return self.folder / "nextup.toml"

    def start(self) -> None:
        """Start all three and create the topics. Raises StackError, with the last log lines, if one fails."""
        broker = Broker(self.folder / "broker")
        with self.step("broker") as tell:
            self._stops.enter_context(broker)
            tell(broker.bootstrap_servers)
        triton = TritonServer(self.folder / "models", self.folder / "triton")
        with self.step("Triton") as tell:
            self._stops.enter_context(triton)
            tell(triton.grpc_address)
        self._children += [broker.process, triton.process]
        self.settings = settings_for(
            self.folder, self.folder / "models", broker.bootstrap_servers, triton.grpc_address, self._page_port
        )
        self.config_file.write_text(_toml(self.settings))
        with self.step("topics") as tell:
            created = topics.ensure(self.settings.kafka, self.settings.topics, fix=True)
            tell(f"{len(created)} created, {len(topics.TOPICS) - len(created)} there")
        with self.step("worker") as tell:
            self._start_worker()
            tell(f"{self.settings.topics.partitions} partitions")

    def command(self, *arguments: str) -> list[str]:
        """A `nextup` command that works on this stack."""
        return [str(app_python()), "-m", "deploy", "--config", str(self.config_file), *arguments]

    def start_page(self) -> ChildProcess:
        """Start the gateway with its page; it is not waited for, and the stack works without it."""
        return self._stops.enter_context(self._process("page"))

    def check(self) -> None:
        """DidNotStart, with the last log lines, if one of the processes has ended."""
        for child in self._children:
            if not child.is_running:
                message = f"{child.name} has ended with exit code {child.exit_code}"
                raise DidNotStart(message, child.log, tuple(child.last_lines(10)))

    @cached_property
    def sizes(self) -> TopicSizes:
        """What lies on the topics, and how far the worker is."""
        return self._stops.enter_context(TopicSizes(self.settings.kafka, self.settings.worker.group))

    @contextmanager
    def step(self, what: str) -> Iterator[Callable[[str], None]]:
        """Say what is being done, and, in the same line, what came of it and how long it took."""
        began = time.monotonic()
        told: list[str] = []
        with self._console.status(f"starting {what} …"):
            yield told.append
        said = f" at {told[0]}" if told and ":" in told[0] else f": {told[0]}" if told else ""
        self._console.print(f"[green]✓[/] {what}{said} [dim]({time.monotonic() - began:.1f} s)[/]", highlight=False)

    def _start_worker(self) -> None:
        worker = self._stops.enter_context(self._process("worker"))
        self._children.append(worker)
        worker.wait_until_ready(lambda: _is_ready(worker), WORKER_READY_WITHIN_S)

    def _process(self, command: str) -> ChildProcess:
        """One of our commands, working on this stack."""
        # The settings of the file alone: NEXTUP_* of this shell may speak of another stack.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("NEXTUP_")}
        log = self.folder / f"{command}.log"
        if log.exists():
            log.replace(log.with_suffix(".log.1"))  # an earlier process said in it that it was ready
        return ChildProcess(self.command(command), name=command, log=log, environment=environment)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._console.status("stopping …"):
            self._stops.close()


def _is_ready(worker: ChildProcess) -> bool:
    return any("Worker ready" in line for line in worker.last_lines(50))


def settings_for(
    folder: Path, models: Path, bootstrap_servers: str, triton: str, page_port: int = PAGE_PORT
) -> Settings:
    return Settings(
        kafka=KafkaConnection(bootstrap_servers=bootstrap_servers),
        triton=TritonSettings(url=triton),
        models=ModelSettings(repository=str(models)),
        worker=WorkerSettings(datadir=str(folder / "worker"), instance_id="demo", health_address="127.0.0.1:0"),
        gateway=GatewaySettings(
            address=f"{LOOPBACK}:{page_port}",
            datadir=str(folder / "gateway"),
            keys_file=str(folder / "gateway-keys.json"),
        ),
        # A night has time to find out how to learn; whoever watches a demo has not.
        trainer=TrainerSettings(
            most_epochs=TrainerSettings().epochs, rerank=False, datadir=str(folder / "trainer"), tuned=""
        ),
    )


def _toml(settings: Settings) -> str:
    return (
        "# Written by the demo: how to reach what it has started.\n"
        f'[kafka]\nbootstrap_servers = "{settings.kafka.bootstrap_servers}"\n\n'
        f'[triton]\nurl = "{settings.triton.url}"\n\n'
        f'[models]\nrepository = "{settings.models.repository}"\n\n'
        f'[worker]\ndatadir = "{settings.worker.datadir}"\ninstance_id = "{settings.worker.instance_id}"\n'
        f'health_address = "{settings.worker.health_address}"\n\n'
        f'[gateway]\naddress = "{settings.gateway.address}"\ndatadir = "{settings.gateway.datadir}"\n'
        f'keys_file = "{settings.gateway.keys_file}"\n\n'
        f"[trainer]\nmost_epochs = {settings.trainer.most_epochs}\nrerank = {str(settings.trainer.rerank).lower()}\n"
        f'datadir = "{settings.trainer.datadir}"\ntuned = "{settings.trainer.tuned}"\n'
    )
