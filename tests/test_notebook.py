"""The notebook of the examples, and tuning in a notebook: run by a kernel, as people see it."""

import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

REPOSITORY = Path(__file__).resolve().parents[1]
EXAMPLE = REPOSITORY / "examples/notebook.ipynb"

pytestmark = [pytest.mark.slow]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a notebook runs, with Jupyter's own files beside it."""
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


class Client(NotebookClient):
    """Runs a notebook, and keeps every state of its outputs."""

    def __init__(self, notebook: NotebookNode, folder: Path, **more: Any) -> None:
        resources = {"metadata": {"path": str(folder)}}
        super().__init__(notebook, resources=resources, timeout=180, kernel_name="python3", **more)
        self.states: list[str] = []

    def process_message(self, msg: Any, cell: NotebookNode, cell_index: int) -> Any:
        if msg["msg_type"] in ("display_data", "update_display_data"):
            self.states.append(msg["content"]["data"].get("text/plain", ""))
        return super().process_message(msg, cell, cell_index)

    def signal(self, number: int, when: Callable[[], bool]) -> threading.Thread:
        """Sends the kernel a signal once something has happened, in a thread that is begun."""

        def send() -> None:
            until = time.monotonic() + 120
            while not when() and time.monotonic() < until:
                time.sleep(0.01)
            with suppress(AttributeError):  # it has ended
                os.killpg(self.km.provisioner.pid, number)  # as Jupyter does

        thread = threading.Thread(target=send)
        thread.start()
        return thread


def outputs(notebook: NotebookNode, kind: str) -> list[str]:
    """All outputs of a notebook that have this type."""
    found = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    return [out["data"][kind] for out in found if kind in out.get("data", {})]


def result(folder: Path, study: str = "train") -> dict[str, Any]:
    file = folder / "mlruns/studies" / study / "result.json"
    plain: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return plain["result"]  # type: ignore[no-any-return]


def test_the_example_runs_as_written_and_ends_with_the_same_result_after_a_kill(
    folder: Path,
) -> None:
    notebook = nbformat.read(EXAMPLE, as_version=4)
    client = Client(notebook, folder)
    client.execute()
    printed = [out.text for c in notebook.cells for out in c.get("outputs", []) if "text" in out]
    assert len(printed) == 1  # no warnings
    assert printed[0].startswith("Function: train() is given epochs, seed.\n")
    html = outputs(notebook, "text/html")
    assert "<div>24/24 trials, " in html[0]
    assert "The best trials" in html[1]
    assert html[1].count("<figure>") == 1
    assert "tuner.tune(train, settings={&#34;+best&#34;: &#34;train&#34;})" in html[1]
    assert outputs(notebook, "text/plain")[-1].startswith("{'train_loss': ")
    assert client.states[0].startswith("[")
    assert "[" not in client.states[-1]
    assert len(client.states) > 3

    undisturbed = result(folder)
    (folder / "mlruns").rename(folder / "undisturbed")
    wait = random.SystemRandom().uniform(0.0, 1.0)
    client = Client(nbformat.read(EXAMPLE, as_version=4), folder)

    def late() -> bool:
        there = (folder / "mlruns/studies/train/trials/0").exists()
        if there:
            time.sleep(wait)
        return there

    killing = client.signal(signal.SIGKILL, late)
    with suppress(DeadKernelError):  # it may have been at its end
        client.execute()
    killing.join()
    Client(nbformat.read(EXAMPLE, as_version=4), folder).execute()
    assert result(folder) == undisturbed, f"killed {wait} s after it began"


TRAIN = """
import time
import tuner

def train(lr: float = tuner.range(0.1, 1.0), *, epochs: int, seed: int):
    try:
        for epoch in range(epochs):
            time.sleep(0.1)
            yield {"validation_loss": lr / (epoch + 1) + 1e-3 * (seed % 7)}
    finally:
        with open("closed", "a") as file:
            file.write("x")
"""
TUNE = "study = tuner.tune(train, trials=8, epochs=4, settings={'tracking': 'none'})\nrepr(study)"


def test_an_interrupted_cell_closes_all_and_the_same_cell_goes_on(folder: Path) -> None:
    cells = [TRAIN, TUNE, TUNE, "study.trials"]
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    client = Client(notebook, folder, allow_errors=True)
    beginning = client.signal(signal.SIGINT, lambda: any("epoch 1" in s for s in client.states))
    client.execute()
    beginning.join()
    ends = [out.get("ename") for out in notebook.cells[1].outputs if out.output_type == "error"]
    assert ends == ["KeyboardInterrupt"]
    said = "".join(out.text for out in notebook.cells[1].outputs if out.output_type == "stream")
    assert "Stopped. The same call continues." in said
    assert len((folder / "closed").read_text()) >= 8
    assert not [out for out in notebook.cells[2].outputs if out.output_type == "error"]
    assert "the winner is trial" in outputs(notebook, "text/plain")[-2]
    assert result(folder)["trials"]
