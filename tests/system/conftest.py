# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the system tests: real broker, real containers, real ipykernel. Needs root."""
import itertools
import os

import pytest

from broker import BINARY, KERNEL_IMAGE, Broker, images

_names = itertools.count()


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="more sessions, 20 kills at each step, and LibreChat's own clients")


def pytest_collection_modifyitems(config, items):
    """The storms are asked for by name of the option; without it they are not part of the run."""
    if not config.getoption("--long"):
        storms = [item for item in items if item.get_closest_marker("long")]
        items[:] = [item for item in items if item not in storms]
        config.hook.pytest_deselected(items=storms)


def pytest_configure(config):
    config.addinivalue_line("markers", "long: storms and LibreChat's clients, run by tests/run --long")
    if os.geteuid() != 0:
        pytest.exit("the system tests start containers: run them as root", returncode=2)
    if not BINARY.exists():
        pytest.exit(f"{BINARY} is missing: build it first (cmake --build --preset release)", returncode=2)
    if "KB_IMAGE_DIR" in os.environ and not (images() / "names" / KERNEL_IMAGE).exists():
        pytest.exit(f"no image {KERNEL_IMAGE!r} in {images()}: build it first (docs/images.md)", returncode=2)


@pytest.fixture(scope="session")
def shared():
    """One broker for the tests that need nothing special of it."""
    # An interrupt may take a while to be heard where everything competes for the processors.
    with Broker(interrupt_grace_s=30) as broker:
        yield broker


@pytest.fixture
def client(shared):
    connection = shared.client()
    yield connection
    connection.close()


@pytest.fixture
def session(client):
    """A session id nobody used; whatever came of it is deleted afterwards."""
    name = f"test-{os.getpid()}-{next(_names)}"
    yield name
    client.close()
    client.request("DELETE", f"/v1/sessions/{name}")
