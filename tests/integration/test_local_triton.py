"""The local Triton server, as a real one."""

import os
import re
import signal
import subprocess
import sys
import textwrap
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
import yaml
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput

from deploy.stack.errors import AlreadyRunning
from deploy.stack.locations import CHECKOUT
from deploy.stack.ports import accepts_connections, free_ports
from deploy.stack.process import wait_until
from deploy.stack.triton import SHARED_MEMORY, TritonServer, find_installation, server_environment

CONFIG = """
name: "{name}"
backend: "python"
max_batch_size: 8
input [ {{ name: "item_index" data_type: TYPE_INT32 dims: [3] }} ]
output [ {{ name: "doubled" data_type: TYPE_INT32 dims: [3] }} ]
instance_group [ {{ count: 1 kind: KIND_CPU }} ]
"""
DOUBLES = """
import triton_python_backend_utils as pb


class TritonPythonModel:
    def execute(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        values = pb.get_input_tensor_by_name(request, "item_index").as_numpy()
        return pb.InferenceResponse([pb.Tensor("doubled", values * 2)])
"""


def write_model(repository: Path, name: str, code: str = DOUBLES) -> None:
    version = repository / name / "1"
    version.mkdir(parents=True)
    (repository / name / "config.pbtxt").write_text(CONFIG.format(name=name))
    (version / "model.py").write_text(code)


@contextmanager
def client_of(server: TritonServer) -> Iterator[InferenceServerClient]:
    with closing(InferenceServerClient(server.grpc_address)) as client:
        yield client


def doubled(client: InferenceServerClient, name: str) -> list[int]:
    values = np.array([[1, 2, 3]], dtype=np.int32)
    tensor = InferInput("item_index", list(values.shape), "INT32")
    tensor.set_data_from_numpy(values)
    answer = client.infer(name, [tensor], outputs=[InferRequestedOutput("doubled")], client_timeout=10)
    return list(answer.as_numpy("doubled")[0])


def test_an_empty_repository_is_served(triton: TritonServer) -> None:
    with client_of(triton) as client:
        assert client.is_server_live()


def test_a_model_written_later_is_loaded_on_demand_and_answers(triton: TritonServer) -> None:
    write_model(triton.model_repository, "later")
    with client_of(triton) as client:
        client.load_model("later")
        assert doubled(client, "later") == [2, 4, 6]
        client.unload_model("later")


def test_metrics_are_served_when_the_start_returns(triton: TritonServer) -> None:
    with urllib.request.urlopen(f"http://{triton.metrics_address}/metrics", timeout=5) as answer:
        assert b"nv_inference_request_success" in answer.read()


def test_a_model_that_is_there_is_loaded_at_the_start_and_after_a_restart(tmp_path: Path) -> None:
    write_model(tmp_path / "models", "next-purchase")
    with TritonServer(tmp_path / "models", tmp_path) as server:
        address = server.grpc_address
        with client_of(server) as client:
            assert doubled(client, "next-purchase") == [2, 4, 6]
    with TritonServer(tmp_path / "models", tmp_path) as again:
        assert again.grpc_address == address
        with client_of(again) as client:
            assert doubled(client, "next-purchase") == [2, 4, 6]


def test_a_damaged_model_does_not_keep_the_server_from_starting(tmp_path: Path) -> None:
    write_model(tmp_path / "models", "next-purchase", code="this is no Python")
    with TritonServer(tmp_path / "models", tmp_path) as server, client_of(server) as client:
        assert client.is_server_live()
        assert not client.is_model_ready("next-purchase")


def test_the_port_that_is_asked_for_is_taken_or_refused(tmp_path: Path) -> None:
    port = free_ports(1)[0]
    with TritonServer(tmp_path / "models", tmp_path / "one", grpc_port=port) as server:
        assert server.grpc_address == f"127.0.0.1:{port}"
        with pytest.raises(AlreadyRunning, match=f"port {port} .* in use"):
            TritonServer(tmp_path / "models", tmp_path / "two", grpc_port=port).start()


def test_another_servers_answer_is_not_taken_for_our_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with TritonServer(tmp_path / "models", tmp_path / "one") as one:
        taken = [
            int(address.rpartition(":")[2]) for address in (one.grpc_address, one.http_address, one.metrics_address)
        ]
        choices = [taken, free_ports(3)]
        monkeypatch.setattr("deploy.stack.triton.remembered_ports", lambda *_args, **_more: choices.pop(0))
        with TritonServer(tmp_path / "models", tmp_path / "two") as two:
            assert two.grpc_address != one.grpc_address


def test_after_a_kill_no_shared_memory_is_left_and_the_next_start_works(tmp_path: Path) -> None:
    write_model(tmp_path / "models", "next-purchase")
    server = TritonServer(tmp_path / "models", tmp_path).start()
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait(10)
    assert list(SHARED_MEMORY.glob(f"{server.server_id}_*"))
    with server, client_of(server) as client:
        assert doubled(client, "next-purchase") == [2, 4, 6]
    assert not list(SHARED_MEMORY.glob(f"{server.server_id}_*"))


def test_the_server_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = f"""
        import os, pathlib, signal
        from deploy.stack.triton import TritonServer
        folder = pathlib.Path({str(tmp_path)!r})
        print(TritonServer(folder / "models", folder).start().grpc_address, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    port = int(done.stdout.rpartition(":")[2])
    wait_until(lambda: not accepts_connections(port), 15, "the server's end")


def test_the_options_in_the_compose_file_are_options_of_triton() -> None:
    installation = find_installation()
    server = installation.server / "bin" / "tritonserver"
    environment = server_environment(installation)
    told = subprocess.run([server, "--help"], env=environment, capture_output=True, text=True, check=False)
    known = set(re.findall(r"--[a-z-]+", told.stdout + told.stderr))
    compose = yaml.safe_load((CHECKOUT / "deploy" / "compose.yaml").read_text())
    used = {word.partition("=")[0] for word in compose["services"]["triton"]["command"] if word.startswith("--")}
    assert used <= known
