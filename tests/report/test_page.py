"""The report of every study is a whole page that fetches nothing and names the result's winner."""

import math
import re
from functools import cache
from html.parser import HTMLParser

import pytest

from tests.browser import BROWSER, browser
from tests.made_studies import HOSTILE, ONE, POINT, TWO, made, states
from tuner.report import page
from tuner.report.page.axes import Axis, of_setting, of_values
from tuner.search.ranges import Range

STUDIES = states()
SPACES = {"two optimizers": TWO, "a function": POINT}
VOID = {"meta", "link"}


@cache
def written(name):
    result, curves = STUDIES[name]
    times = {number: (1000 * number, 1000 * number + 900) for number in curves}
    return page.text(result, curves, SPACES.get(name, ONE), times)


class Read(HTMLParser):
    """What stands in a page, if every element is closed in its turn."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.links, self.tags = [], set(), [], set()
        self.titles, self.meta, self.figures = [], {}, []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        own = dict(attrs)
        self.tags.add(tag)
        self.ids |= {own["id"]} if "id" in own else set()
        self.links += [own[key] for key in ("src", "href", "xlink:href") if key in own]
        assert not [key for key in own if key.startswith("on")]
        if tag == "meta" and "name" in own:
            self.meta[own["name"]] = own["content"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] == ["h3"]:
            self.figures.append(data)


@pytest.mark.parametrize("name", STUDIES)
def test_a_page_is_whole_fetches_nothing_and_runs_nothing(name):
    text = written(name)
    read = Read(text)
    assert read.links == ["data:,"]
    assert "script" not in read.tags
    assert "url(" not in text
    assert not re.search(r'[\s"(>-](nan|inf)\b', text.split("</style>")[1].split("<h2>The ev")[0])


@pytest.mark.parametrize("name", STUDIES)
def test_a_page_names_the_winner_of_the_result(name):
    result, _ = STUDIES[name]
    text = written(name)
    won = None if result.winner is None else result.winner.number
    assert Read(text).meta["tuner-winner"] == ("" if won is None else str(won))
    assert set(re.findall(r"winner: trial (\d+)", text)) == ({str(won)} if result.winner else set())
    assert ("winner" in Read(text).ids) == (result.winner is not None)


def test_text_of_strangers_stays_text():
    text = written("hostile")
    assert HOSTILE not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_what_a_study_does_not_have_is_left_out():
    whole = {"curves", "rates", "settings", "together", "importance", "history", "time"}
    assert whole | {"confirmation", "audit", "winner"} <= Read(written("confirmed")).ids
    assert "confirmation" not in Read(written("not confirmed")).ids
    assert "rates" not in Read(written("a function")).ids
    assert Read(written("no trials")).ids == {"verdict", "audit", "evidence"}
    assert not {"history", "together", "importance"} & Read(written("one trial")).ids


def test_scores_and_losses_have_charts_of_their_own():
    figures = Read(written("greater is better")).figures
    assert {"Validation accuracy", "Training cross-entropy (nats)"} <= set(figures)


def test_each_optimizer_has_charts_of_its_own():
    figures = set(Read(written("two optimizers")).figures)
    assert {"adam with cosine", "sgd with cosine"} <= figures
    assert "Parallel coordinates, for trials that have optimizer.sgd.lr" in figures
    assert "The two most important settings, for trials that have optimizer.sgd.lr" in figures


def test_a_function_has_paths_and_no_training_loss_beside_its_own():
    result, curves = made(POINT)
    for own in curves.values():
        own["train_loss"] = own["validation_loss"]
        own["x"] = own["y"] = list(own["validation_loss"])
    figures = Read(page.text(result, curves, POINT, {})).figures
    assert "The path of each trial" in figures
    assert not [title for title in figures if "raining" in title]


def test_a_page_of_a_thousand_trials_is_small():
    result, curves = made(count=1000)
    assert len(page.text(result, curves, ONE, {})) < 2_000_000


def test_where_diverged_trials_are_the_others_are_not_flat():
    exploded = of_values("loss", [0.1, 2.3], log=True)
    assert exploded.place(1e9) > 1
    assert [text for _, text in exploded.ticks()] == ["0.1", "0.2", "0.5", "1", "2"]


def test_a_reversed_scale_has_room_near_one():
    axis = Axis("momentum", 0.9, 0.999, "reverse_log")
    assert axis.place(0.99) == pytest.approx(0.5)
    assert axis.place(1.0) is None


@pytest.mark.parametrize(
    "ends", [(1e-300, 1e300), (5e-324, 1.7e308), (1e-9, 1e-9), (0.0, 0.0), (-1.7e308, 1.7e308)]
)
def test_no_numbers_are_too_far_apart_for_an_axis(ends):
    for axis in (of_values("loss", ends, log=True), of_values("loss", ends)):
        assert axis.ticks() or math.isinf(ends[1] - ends[0])
    if ends[0] > 0:
        of_setting("lr", Range(*ends, "log"), [0.0, -1.0, *ends]).ticks()
    assert of_setting("beta", Range(0.5, 0.99, "reverse_log"), [1.0, 2.0]).high < 1


@pytest.mark.skipif(BROWSER is None, reason="without Chromium")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_opens_without_an_error_in(scheme, tmp_path):
    result, _ = STUDIES["two optimizers"]
    (tmp_path / "report.html").write_text(written("two optimizers"), encoding="utf-8")
    with browser(tmp_path / "browser") as tab:
        dark = [{"name": "prefers-color-scheme", "value": scheme}]
        tab.tell("Emulation.setEmulatedMedia", features=dark)
        tab.open((tmp_path / "report.html").as_uri(), "The evidence")
        paper = tab.value("getComputedStyle(document.body).backgroundColor")
        assert paper == {"light": "rgb(247, 248, 250)", "dark": "rgb(17, 21, 28)"}[scheme]
        number = tab.value("document.querySelector('meta[name=tuner-winner]').content")
        assert number == str(result.winner.number)
        assert tab.value("document.querySelectorAll('figure svg').length") > 8
        tab.size(390, 844)  # a phone's: tables scroll, the page does not
        assert tab.value("document.documentElement.scrollWidth") == 390
        assert tab.errors == []
