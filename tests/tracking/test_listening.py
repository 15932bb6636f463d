"""A place is an address of this machine and a port that is free, under names that MLflow admits."""

import socket
from contextlib import closing

import pytest

from tests.conftest import free_port
from tuner.errors import UserError
from tuner.tracking import listening
from tuner.tracking.listening import place


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2"])
def test_a_place_for_this_machine_alone_leaves_mlflow_its_strict_defaults(host: str) -> None:
    port = free_port()
    own = place(host, port)
    assert not own.is_open
    assert bool(own.environment) == (host == "127.0.0.2")  # which MLflow refuses of itself
    assert own.url == f"http://{own.listens}:{port}/"


def test_a_place_for_all_has_an_address_that_a_browser_can_open() -> None:
    own = place("0.0.0.0", free_port())
    assert own.is_open
    assert "0.0.0.0" not in own.url
    assert socket.gethostname() in own.names
    hosts = own.environment["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
    assert "*" not in hosts
    assert {own.address, f"{own.address}:*", "localhost:*"} <= set(hosts)
    origins = own.environment["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"].split(",")
    assert f"http://{own.address}:{own.port}" in origins


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_an_address_of_ipv6_stands_in_brackets() -> None:
    try:
        own = place("::1", None)
    except UserError:
        pytest.skip("this machine has no address of IPv6")
    assert own.url == f"http://[::1]:{own.port}/"


def test_the_default_port_is_taken_where_it_is_free_and_a_given_one_is_never_exchanged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        busy = other.getsockname()[1]
        with pytest.raises(UserError, match=f"ui.port: {busy}: is in use"):
            place("127.0.0.1", busy)
        monkeypatch.setattr(listening, "PORT", busy)
        assert place("127.0.0.1", None).port != busy
    assert place("127.0.0.1", None).port == busy
