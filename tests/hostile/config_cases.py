"""Settings and config files that are wrong or hostile: every group, every option, and YAML."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tuner.composing import config_folder

Make = Callable[[Path], list[str]]
GLOBAL = "# @package _global_\n"


def cases() -> Iterator[tuple[str, Make]]:
    """The name of each, and what makes it in a folder and returns the settings."""
    for settings in (*SETTINGS, *options(), *keys()):
        yield " ".join(settings)[:80], lambda folder, own=settings: list(own)
    for name, text in FILES.items():
        yield f"file {name}", lambda folder, own=(name, text): experiment(folder, *own)
    yield "file link", link
    yield "file pipe", pipe
    yield "file outside", outside
    yield "file tree", tree


def options() -> Iterator[list[str]]:
    """Of every option of every group: a number that is none, and a mapping that means nothing."""
    for path in sorted(config_folder().glob("*/*.yaml")):
        group = path.parent.name
        if group == "experiment":
            continue
        text = path.read_text(encoding="utf-8")
        header = text.splitlines()[0]
        prefix = header.split()[-1] if header.startswith("# @package") else group
        found = dict(leaves(prefix, yaml.safe_load(text) or {}))
        numbers = [key for key, value in found.items() if isinstance(value, int | float)]
        chosen = f"{group}={path.stem}"
        yield from ([chosen, f"{key}=nan"] for key in numbers[:1])
        yield from ([chosen, f"{key}={{nope: 1}}"] for key in list(found)[-1:])


def keys() -> Iterator[list[str]]:
    """Of every key of the main config: a mapping that means nothing."""
    plain = yaml.safe_load((config_folder() / "config.yaml").read_text(encoding="utf-8"))
    del plain["defaults"]
    for key, _ in leaves("", plain):
        yield [f"{key}={{nope: 1}}"]


def leaves(prefix: str, plain: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The paths and values of plain data; a range is one value."""
    for key, value in plain.items():
        path = f"{prefix}.{key}".lstrip(".")
        if isinstance(value, Mapping) and not {"low", "choices"} & value.keys():
            yield from leaves(path, value)
        else:
            yield path, 1.0 if isinstance(value, Mapping) else value


def experiment(folder: Path, name: str, text: str | bytes) -> list[str]:
    """The settings that choose an experiment of a stranger's."""
    own = folder / "their" / "experiment"
    own.mkdir(parents=True, exist_ok=True)
    whole = text if isinstance(text, bytes) else (GLOBAL + text).encode()
    (own / f"{name}.yaml").write_bytes(whole)
    return ["--config-dir", str(folder / "their"), f"+experiment={name}"]


def link(folder: Path) -> list[str]:
    """A file that is elsewhere."""
    (folder / "secret.yaml").write_text("budget: {trials: 2}\n")
    settings = experiment(folder, "link", "")
    own = folder / "their" / "experiment" / "link.yaml"
    own.unlink()
    own.symlink_to(folder / "secret.yaml")
    return settings


def pipe(folder: Path) -> list[str]:
    """A file that nobody ever writes to."""
    settings = experiment(folder, "pipe", "")
    own = folder / "their" / "experiment" / "pipe.yaml"
    own.unlink()
    os.mkfifo(own)
    return settings


def outside(folder: Path) -> list[str]:
    """A default that leads out of the folder."""
    (folder / "outside.yaml").write_text("name: theirs\n")
    return experiment(folder, "outside", "defaults:\n  - /../outside@study\n")


def tree(folder: Path) -> list[str]:
    """Files that name the next one twice, twelve deep."""
    for i in range(12):
        nexts = f"[/experiment/tree{i + 1}@a{i}, /experiment/tree{i + 1}@b{i}]"
        experiment(folder, f"tree{i}", f"defaults: {nexts}\n")
    experiment(folder, "tree12", "x: 1\n")
    return experiment(folder, "tree", "defaults: [/experiment/tree0]\n")


def laughs(levels: int, each: int) -> str:
    """Anchors within anchors."""
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * each)}]" for i in range(1, levels)]
    return "\n".join(lines)


SETTINGS = [
    ["workers=2"],
    ["executor=ray"],
    ["executor=[dask,threads]"],
    ["executor=dask", "workers=0"],
    ["executor=dask", "job=range_test"],
    ["executor=dask", "executor.dashboard=0"],
    ["executor.dashboard=8787"],
    ["executor.patience=nan", "executor=dask"],
    ["executor.address=''"],
    ["executor.address=127.0.0.1"],
    ["executor.address=http://127.0.0.1:8786"],
    ["executor.address=tcp://127.0.0.1"],
    ["executor.address=tcp://127.0.0.1:99999"],
    ["executor.address=tcp://me:secret@127.0.0.1:8786"],
    ["executor.address=tcp://127.0.0.1:8786", "executor.dashboard=8787"],
    ["budget.epochs=9223372036854775808"],
    ["budget.epochs=1000000000000"],
    ["budget.epochs=1e30"],
    ["budget.trials=inf"],
    ["budget.trials=-inf"],
    ["budget.trials=100000000000000000"],
    ["budget.seconds=1e400"],
    ["budget.seconds=-0.0"],
    ["study.storage=5"],
    ["study.storage=sqlite:///study.db"],
    ["study.storage=mysql://me:secret@host/studies"],
    ["study.storage=postgresql+psycopg2://me:secret@host/studies"],
    ['study.storage="postgresql://me:sec/ret@host/studies"'],
    ['study.storage="postgresql://me:secret@host:port/studies"'],
    ['study.storage="postgresql://me:secret@host/studies?nothing=1"'],
    ['study.storage="postgresql://me:%zz@host/studies"'],
    ['study.storage="postgresql://me:secret words@host/studies"'],
    ['study.storage="postgresql://[::1/studies"'],
    ["budget.deadline=0"],
    ["budget.deadline=1e400"],
    ["budget.deadline=soon"],
    ["budget.deadline=60", "job=compare", "optimizer=[adam,sgd]"],
    ["budget.deadline=60", "job=range_test"],
    ["keep=0", "study.name=nightly-@date"],
    ["keep=2.5", "study.name=nightly-@date"],
    ["keep=3"],
    ["budget=null"],
    ["budget=[1]"],
    ["budget=3"],
    ["~budget=3"],
    ["~budget"],
    ["~optimizer"],
    ["study.cohort=1000000000000"],
    ["study.seed=4294967296"],
    ["study.seed=-1"],
    ["study.project='a\tb'"],
    ["study.project=a\0b"],
    ["study.project='\x1b[2Ja'"],
    ["study.project="],
    ["study.name=a\nb"],
    ["study.name=../x"],
    ["study.name=.hidden"],
    [f"study.name={'x' * 101}"],
    ["study.warm_start=../../etc"],
    ["study.warm_start=study"],
    ["confirm.seeds=1000000000"],
    ["confirm.seeds=1"],
    ["confirm.top=1000000000"],
    ["confirm.trials=[-1]"],
    ["sampler=tpe", "sampler.startup=100000000000000000000"],
    ["sampler=tpe", "sampler.startup=1e20"],
    ["job=range_test", "range.ramp_steps=100000000000000"],
    ["job=range_test", "range.seeds=1000000000"],
    ["job=range_test", "range.per_decade=1e9"],
    ["threads=1000000000000000000"],
    ["threads=-1"],
    ["optimizer=[adam,adam]"],
    ["optimizer=[adam,[sgd]]"],
    ["optimizer={adam: {lr: 1}}"],
    ["optimizer=../adam"],
    ["optimizer=adam/x"],
    ["optimizer.adam.lr={low: 1e-4, high: 1, choices: [0.1]}"],
    ["optimizer.adam.lr={low: 0.1}"],
    ["optimizer.adam.lr={low: 0.1, high: 0.1}"],
    ["optimizer.adam.lr={low: 1, high: inf}"],
    ["optimizer.adam.lr={low: 1e-4, high: 1, scale: cubic}"],
    ["optimizer.adam.lr={low: 1e-4, high: 1, scale: [log]}"],
    ["optimizer.adam.lr={low: 1e-4, high: 1, step: 0}"],
    ["optimizer.adam.lr={low: 1e-4, high: 1, step: -1}"],
    ["optimizer.adam.lr={choices: 3}"],
    ["optimizer.adam.lr={choices: [0.1, 0.1]}"],
    ["optimizer.adam.lr={choices: [0.1, nan]}"],
    ["optimizer.adam.lr={choices: [{low: 1}]}"],
    ["optimizer.adam.lr=inf"],
    ["optimizer.adam.lr=1e999"],
    ["optimizer.adam.lr=true"],
    ["optimizer.adam.lr='0.1'"],
    ["optimizer.adam.lr=eval(1)"],
    ["optimizer.adam.lr=__import__"],
    [f"optimizer.adam.lr={'9' * 5000}"],
    [f"optimizer.adam.lr={'[' * 1000}{']' * 1000}"],
    [f"optimizer.adam.lr={'{a: ' * 300}1{'}' * 300}"],
    [f"optimizer.adam.lr={'x' * 100_000}"],
    ["optimizer.adam.lr=${oc.env:HOME}"],
    ["optimizer.adam.lr=${oc.decode:1}"],
    ["optimizer.adam.lr=${batch_size"],
    ["optimizer.adam.lr=${optimizer.adam.lr}"],
    ["optimizer.adam.lr=${nope.nope}"],
    ["study.project=${now:%Y}"],
    ["study.project=${python_version:}"],
    ["study.project=${hydra:runtime.cwd}"],
    ["study.project=${study.${study.name}}"],
    ["optimiser=sgd"],
    ["null=3"],
    ["space=3"],
    ["+plain=3"],
    ["+space.fixed=3"],
    ["batch_size=auto", "data=none", "model=quadratic"],
    ["batch_size=autos"],
    ["batch_size=[auto]"],
    ["optimizer.sgd.lr=auto", "optimizer=sgd"],
    ["optimizer.adam.lr={low: auto, high: 1}"],
    ["budget.trials=auto"],
    ["study.seed=auto"],
    ["model.mlp.hidden=[0]"],
    ["model.mlp.hidden=[[64]]"],
    ["model.mlp.hidden=[1e400]"],
    ["batch_size=1e300"],
    ["batch_size={low: 0, high: 1e300}"],
    ["where=3"],
    ["where=[3]"],
    ["where=['lr']"],
    ["where=['lr < ']"],
    ["where=['__import__(\"os\") < 1']"],
    ["where=['lr.real < 1']"],
    [f"where=['{'(' * 400}lr{')' * 400} < 1']"],
    ["where=['lr < 10 ** 10 ** 10']"],
    ["root="],
    ["root=a\0b"],
    ["promote=3"],
    ["promote.enabled=yes please"],
    ["promote.model=a/b"],
    ["promote.model='..'"],
    [f"promote.model={'x' * 300}"],
    ["promote.model='\x1b[2Jred'"],
    ["promote=true", "tracking=none"],
    ["promote=true", "+experiment=quadratic"],
    ["job=promote", "study.name=nobody"],
    ["job=promote", "study.name=../x"],
    ["tracking.uri=foo://x"],
    ["tracking.uri=3"],
    ["tracking.patience=inf"],
    ["data=../../x"],
    ["data=[digits,digits]", "job=compare"],
    ["data.name=../digits"],
    ["data.reader=os"],
    ["data.validation_fraction=nan"],
    ["data.folds=1000000000"],
    ["metric=[f1]"],
    ["metric=__class__"],
    ["metric='\x1b]0;owned\x07'"],
    ["metrics=__class__"],
    ["metrics=[__class__]"],
    ["metrics=[null]"],
    ["metrics=[[f1]]"],
    ["metrics={f1: 1}"],
    ["metrics=['\x1b]0;owned\x07']"],
    ["metrics=['']"],
    ["best_epoch=2"],
    ["best_epoch=null"],
    ["refit={_target_: os.system}"],
    ["target=nan"],
    ["job=../tune"],
    ["job=__init__"],
    ["job=null"],
    ["+experiment=../../etc/passwd"],
    ["+experiment=/etc/passwd"],
    ["+experiment=adam.yaml"],
    ["+range=../../etc"],
    ["range=adam"],
    ["hydra.run.dir=x"],
    ["hydra.job.chdir=true"],
    ["+hydra.searchpath=[file:///etc]"],
    ["++a.b.c=3"],
    ["+a0=x", "+a1=${a0}${a0}"],
    ["_target_=os.system"],
    ["+optimizer.adam._target_=os.system"],
    ["budget.trials=2,3"],
    ["budget.trials=range(3)"],
    ["--config-dir", "/nowhere"],
    ["--config-dir"],
    ["-c", "import os"],
    ["@file"],
    ["nothing"],
    ["=3"],
    [""],
    [" "],
    ["\x1b[31mred=1"],
    ["\u202egnp=1"],
]

FILES: dict[str, str | bytes] = {
    "laughs": laughs(10, 10),
    "doubling": "a0: x\n" + "".join(f"a{i}: ${{a{i - 1}}}${{a{i - 1}}}\n" for i in range(1, 41)),
    "lists": "a0: [x]\n"
    + "".join(f"a{i}: ['${{a{i - 1}}}', '${{a{i - 1}}}']\n" for i in range(1, 41)),
    "chain": "a0: ${a999}\n" + "".join(f"a{i}: ${{a{i - 1}}}\n" for i in range(1, 1000)),
    "environment": "defaults:\n  - override /data: ${oc.env:NAME}\n",
    "decode": "root: ${oc.decode:abc}\n",
    "time": "study: {project: '${now:%H}'}\n",
    "nested_reference": "root: ${a.${b}}\n",
    "itself": "root: ${root}\n",
    "nowhere": "root: ${nope}\n",
    "twice": "budget:\n  trials: 1\n  trials: 2\n",
    "tab": "budget:\n\ttrials: 1\n",
    "python": "budget: !!python/object/apply:os.system ['touch x']\n",
    "tag": "budget: !mine {trials: 3}\n",
    "no_yaml": "{{{{:::",
    "unclosed": "budget: {trials: 2\n",
    "list": "- a\n- b\n",
    "text": "hello\n",
    "recursion": "a: &a [*a]\n",
    "no_anchor": "a: *nope\n",
    "null_key": "null: 3\n",
    "null_key_within": "budget: {null: 3}\n",
    "number_key": "3: 3\n",
    "list_key": "? [a, b]\n: 3\n",
    "many_digits": f"budget: {{trials: {'9' * 5000}}}\n",
    "hexadecimal": f"budget: {{trials: 0x{'f' * 20_000}}}\n",
    "sexagesimal": f"budget: {{trials: 1{':1' * 20_000}}}\n",
    "no_text": b"\xff\xfe\x00\x01",
    "latin": b"study: {project: \xe4}\n",
    "nul": b'# @package _global_\nstudy: {project: "a\\0b"}\n',
    "deep": f"a: {'[' * 5000}{']' * 5000}\n",
    "deep_block": "".join(f"{' ' * i}a:\n" for i in range(200)),
    "large": f"a: {'x' * 200_000}\n",
    "search_path": "hydra: {searchpath: [file:///etc]}\n",
    "callbacks": "hydra: {callbacks: {mine: {_target_: os.system}}}\n",
    "hydra_package": b"# @package hydra\nrun: {dir: x}\n",
    "defaults_number_key": "defaults:\n  - {3: 4}\n",
    "names_itself": "defaults:\n  - names_itself\n",
    "defaults_number": "defaults: 3\n",
    "defaults_list": "defaults:\n  - [a]\n",
    "defaults_null": "defaults:\n  - null\n",
    "defaults_nowhere": "defaults:\n  - override /nope: x\n",
    "defaults_missing": "defaults:\n  - override /data: nope\n",
    "package": b"# @package a b c\nbudget: {trials: 2}\n",
    "package_above": b"# @package ../..\nbudget: {trials: 2}\n",
    "range_and_choices": "optimizer: {adam: {lr: {low: 0.1, high: 1, choices: [1]}}}\n",
    "target": "budget: {_target_: os.system}\n",
    "documents": "budget: {trials: 2}\n---\nbudget: {trials: 3}\n",
    "escapes": 'budget: {trials: "\\e[2J\\e]0;owned\\a"}\n',
    "megabyte_of_error": f"budget: {{trials: {'y' * 90_000}}}\n",
    "job": "job: ../../evil\n",
    "where": 'where: [\'__import__("os").system("x") < 1\']\n',
}
