"""Where a gateway listens, and what it counts."""

from pathlib import Path

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from serving.candidates import Candidates
from serving.vocabulary import Vocabulary
from streams.contract import messages
from streams.contract.messages import Item, ModelRef
from streams.gateway import server, what_if
from streams.gateway.errors import GatewayError
from streams.gateway.metrics import Metrics
from streams.gateway.serving_model import KnownVersion
from streams.gateway.store import Change, Store
from streams.gateway.views import Views


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.168.1.1:80", "shop.example:80"])
def test_nobody_can_come_from_elsewhere_without_a_key(address: str) -> None:
    with pytest.raises(GatewayError, match="nextup gateway keys add"), server.listening(address, 30, has_keys=False):
        pass


@pytest.mark.parametrize("address", ["127.0.0.1:0", "localhost:0", "127.8.8.8:0"])
def test_this_machine_may_listen_without_a_key(address: str) -> None:
    with server.listening(address, 30, has_keys=False) as listener:
        assert listener.getsockname()[1] > 0


def test_with_keys_it_may_listen_anywhere() -> None:
    with server.listening("0.0.0.0:0", 30, has_keys=True) as listener:
        assert listener.getsockname()[0] == "0.0.0.0"  # noqa: S104 - it is the address that was asked for


@pytest.mark.parametrize("address", ["", "8080", ":8080", "host:", "host:http", "127.0.0.1:65536", "127.0.0.1:٣"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(GatewayError, match="expected host:port"), server.listening(address, 30, has_keys=True):
        pass


def test_an_address_that_is_taken_is_told() -> None:
    with server.listening("127.0.0.1:0", 30, has_keys=False) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(GatewayError, match="Address already in use"), server.listening(
            f"127.0.0.1:{port}", 30, has_keys=False
        ):  # fmt: skip
            pass


def test_requests_are_counted_by_route_and_not_by_id() -> None:
    metrics = Metrics()
    metrics.answered("GET", "/v1/users/{user_id}/recommendations", 200, 0.002)
    metrics.events("accepted", 3)
    metrics.stream_fell_behind()
    families = {family.name: family for family in text_string_to_metric_families(metrics.page().decode())}
    requests = next(s for s in families["nextup_gateway_requests"].samples if s.name.endswith("_total"))
    assert requests.labels == {"method": "GET", "route": "/v1/users/{user_id}/recommendations", "status": "200"}
    accepted = families["nextup_gateway_events"].samples[0]
    assert (accepted.labels, accepted.value) == ({"result": "accepted"}, 3)
    assert families["nextup_gateway_streams_fell_behind"].samples[0].value == 1


def test_what_the_shop_has_withdrawn_is_in_no_answer_of_the_model(tmp_path: Path) -> None:
    store = Store(tmp_path)
    withdrawn = messages.encode(Item("b", title="B", available=False))
    store.write([Change(b"items/b", withdrawn), Change(b"items/c", messages.encode(Item("c", "C")))], {})
    known = KnownVersion(ModelRef("m", 1), Vocabulary(["a", "b", "c"]))
    answer = Candidates(
        np.array([[2, 3, 4]], np.int32), np.array([[0.5, 0.4, 0.3]], np.float32), np.array([[-1, 0, 1]], np.int32)
    )
    left = what_if.sellable(answer, known, Views(store, history_lines=10))
    assert left.item_index.tolist() == [[2, 4]]
    assert left.because.tolist() == [[-1, 1]]
    store.close()
