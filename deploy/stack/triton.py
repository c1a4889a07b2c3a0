"""A real Triton server on this machine, from the binary inside its wheel, reachable over loopback only.

The wheel holds one backend, `python`; its stub embeds the interpreter of Triton's own environment.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import tritonclient.grpc
from msgspec import Struct, json
from tritonclient.utils import InferenceServerException

from deploy.stack.errors import MissingPart
from deploy.stack.locations import TRITON_ENVIRONMENT, triton_python
from deploy.stack.ports import LOOPBACK, accepts_connections, remembered_ports
from deploy.stack.server import LocalServer

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where the server puts it


class Installation(Struct, frozen=True):
    """Where Triton's parts lie: its wheel's folder, and the Python that its backend embeds."""

    wheel: Path
    python_version: str
    libpython_folders: list[str]

    @property
    def server(self) -> Path:
        return self.wheel / "tritonserver"

    @property
    def stub(self) -> Path:
        """The stub of the Python backend for our Python; the wheel holds one for each version."""
        return self.server / "python_backend_stubs" / self.python_version / "triton_python_backend_stub"


# find_spec does not execute the package, whose own dependencies are not installed.
_ASK_ENVIRONMENT = """
import importlib.util, json, os, sys, sysconfig
library = "libpython%d.%d.so.1.0" % sys.version_info[:2]
folders = [sysconfig.get_config_var("LIBDIR"), os.path.join(sys.base_prefix, "lib")]
spec = importlib.util.find_spec("pytriton")
print(json.dumps({
    "wheel": spec.submodule_search_locations[0] if spec else "",
    "python_version": "%d.%d" % sys.version_info[:2],
    "libpython_folders": [f for f in folders if f and os.path.exists(os.path.join(f, library))],
}))
"""


def find_installation() -> Installation:
    """Ask Triton's environment where its parts are; MissingPart if it is incomplete."""
    done = subprocess.run([triton_python(), "-c", _ASK_ENVIRONMENT], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MissingPart(f"{TRITON_ENVIRONMENT} does not run: {done.stderr.strip()}; remove it and run: make setup")
    found = json.decode(done.stdout, type=Installation, dec_hook=lambda _type, text: Path(text))
    if not found.stub.exists():
        raise MissingPart(f"no Triton for Python {found.python_version} in {TRITON_ENVIRONMENT}; run: make setup")
    return found


class TritonServer(LocalServer):
    """A Triton server on a model repository; its ports, its log and its lock live in `folder`.

    The repository may be empty: models are loaded explicitly, by whoever releases them. Those in
    `models` that the repository has are loaded at the start; a damaged one is logged and left out.
    `model_config_name` picks `configs/<name>.pbtxt` of a model instead of its `config.pbtxt`. Without
    `grpc_port` it takes free ports and remembers them.

        with TritonServer(Path(".nextup/models"), Path(".nextup/triton")) as triton:
            client = InferenceServerClient(triton.grpc_address)
    """

    def __init__(
        self,
        model_repository: Path,
        folder: Path,
        *,
        models: tuple[str, ...] = ("next-purchase",),
        model_config_name: str = "",
        grpc_port: int | None = None,
    ) -> None:
        super().__init__("triton", folder)
        self.model_repository = model_repository
        self._models = models
        self._model_config_name = model_config_name
        self._wanted_port = grpc_port
        self._ports = [grpc_port or 0, 0, 0]

    @property
    def grpc_address(self) -> str:
        """Host and port for gRPC clients; known once the server has started."""
        return f"{LOOPBACK}:{self._ports[0]}"

    @property
    def http_address(self) -> str:
        """Host and port of the HTTP interface."""
        return f"{LOOPBACK}:{self._ports[1]}"

    @property
    def metrics_address(self) -> str:
        """Host and port of the Prometheus metrics, at /metrics."""
        return f"{LOOPBACK}:{self._ports[2]}"

    def _prepare(self) -> None:
        installation = find_installation()
        _install_stub(installation)
        self._remove_left_shared_memory()
        self.model_repository.mkdir(parents=True, exist_ok=True)
        self._ports = remembered_ports(self.folder / "ports", 3, first=self._wanted_port)
        self.process.command = self._command(installation)
        self.process.environment = server_environment(installation)

    def _command(self, installation: Installation) -> list[str]:
        grpc_port, http_port, metrics_port = self._ports
        present = [name for name in self._models if (self.model_repository / name / "config.pbtxt").exists()]
        return [
            str(installation.server / "bin" / "tritonserver"),
            f"--model-repository={self.model_repository.resolve()}",
            f"--backend-directory={installation.server / 'backends'}",
            f"--backend-config=python,shm-region-prefix-name={self.server_id}_",
            f"--id={self.server_id}",
            "--model-control-mode=explicit",
            *(f"--load-model={name}" for name in present),
            *([f"--model-config-name={self._model_config_name}"] if self._model_config_name else []),
            "--disable-auto-complete-config",
            "--exit-on-error=false",
            "--exit-timeout-secs=10",
            "--allow-gpu-metrics=false",
            f"--grpc-address={LOOPBACK}",
            f"--grpc-port={grpc_port}",
            f"--http-address={LOOPBACK}",
            f"--http-port={http_port}",
            f"--metrics-address={LOOPBACK}",
            f"--metrics-port={metrics_port}",
        ]

    @property
    def server_id(self) -> str:
        """A name that no other server uses: ours is bound to the folder, which has one server at a time."""
        return "nextup_" + hashlib.blake2b(bytes(self.folder), digest_size=6).hexdigest()

    def _remove_left_shared_memory(self) -> None:
        """A server that was killed leaves its regions behind, and the next one may trip over them."""
        for region in SHARED_MEMORY.glob(f"{self.server_id}_*"):
            region.unlink(missing_ok=True)

    def _answers(self) -> bool:
        """Whether it is our server that answers: another one may have taken the port before it."""
        if not accepts_connections(self._ports[2]):  # the last one that the server opens
            return False
        client = tritonclient.grpc.InferenceServerClient(self.grpc_address)
        with contextlib.closing(client), contextlib.suppress(InferenceServerException):
            return bool(client.get_server_metadata(client_timeout=1.0).name == self.server_id)
        return False


def server_environment(installation: Installation) -> dict[str, str]:
    """Environment variables under which the server finds its libraries and embeds the right Python."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}
    # The embedded interpreter takes its packages from the first python3 on PATH.
    environment["PATH"] = os.pathsep.join([str(TRITON_ENVIRONMENT / "bin"), os.environ.get("PATH", os.defpath)])
    bundled = str(installation.wheel.parent / "nvidia_pytriton.libs")
    inherited = os.environ.get("LD_LIBRARY_PATH")
    folders = [*installation.libpython_folders, bundled, *([inherited] if inherited else [])]
    environment["LD_LIBRARY_PATH"] = os.pathsep.join(folders)
    return environment


def _install_stub(installation: Installation) -> None:
    """Put the stub for our Python where the backend looks for it; whole, even if others do so at once."""
    place = installation.server / "backends" / "python" / installation.stub.name
    if place.exists() and place.stat().st_size == installation.stub.stat().st_size:
        return
    beside = place.with_suffix(f".{os.getpid()}")
    shutil.copy2(installation.stub, beside)
    beside.chmod(0o755)
    beside.replace(place)
