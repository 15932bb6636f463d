"""What people read of a study is made again from its result and its record."""

from tests.jobs.conftest import Command


def test_what_was_lost_of_a_report_is_made_again(command: Command) -> None:
    assert command.call("metric=accuracy").code == 0
    folder = command.folder()
    names = ["report.html", "loss_curves.png", "learning_rates.png", "trials.csv", "best.yaml"]
    before = {name: (folder / name).read_bytes() for name in names}
    result = (folder / "result.json").read_bytes()
    for name in names:
        (folder / name).unlink()
    told = command.call("report", "study")
    assert told.code == 0, told
    for name in ("trials.csv", "best.yaml", "report.html"):
        assert (folder / name).read_bytes() == before[name], name
    assert all((folder / name).exists() for name in names)
    assert (folder / "result.json").read_bytes() == result
    (folder / "result.json").unlink()
    told = command.call("report", "study")
    assert told.code == 2
    assert "has no result yet" in told.err
