"""Shell completion: the scripts for bash and zsh, and the candidates at the cursor."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tuner import jobs
from tuner.composing import TAKEN, config_folder, options
from tuner.errors import UserError

FLAGS = ("--help", "--version", "--cfg", "--config-dir", "--completion")

# Keys whose values are studies, besides those in TAKEN.
STUDIES = ("study", "study.name", "study.warm_start")

# A key with its value in a file of conf/, and the file's package line.
KEY = re.compile(r"""^((?:  )?)"?([A-Za-z]\w*)"?:[ ]*([^#\n]*?)[ ]*(?:#.*)?$""", re.MULTILINE)
PACKAGE = re.compile(r"^# @package ([\w.]+)$", re.MULTILINE)

# The shell passes the line up to the cursor and shows the returned words, one per line. bash splits
# words at `=` and `:`, so it gets only the part behind the last one.
SCRIPTS = {
    "bash": """\
_tuner() {
    local line="${COMP_LINE:0:COMP_POINT}"
    local current="${line##*[[:space:]]}"
    local kept="${current%"${current##*[=:]}"}"
    mapfile -t COMPREPLY < <("${COMP_WORDS[0]}" --complete "$line" 2>/dev/null)
    COMPREPLY=("${COMPREPLY[@]#"$kept"}")
}
complete -o nospace -o default -F _tuner tuner
""",
    "zsh": """\
_tuner() {
    local -a found
    found=("${(@f)$("${words[1]}" --complete "$LBUFFER" 2>/dev/null)}")
    compadd -Q -S '' -a found
}
compdef _tuner tuner
""",
}


def script(shell: str) -> str:
    """The script that makes a shell complete `tuner`.

    Raises:
        UserError: for an unknown shell.
    """
    if shell not in SCRIPTS:
        raise UserError(f"--completion: {shell or 'nothing'}: must be {' or '.join(SCRIPTS)}")
    return SCRIPTS[shell]


def completions(line: str) -> list[str]:
    """The candidates for the last word; complete ones end with a space.

    Args:
        line: the shell's line up to the cursor, with the command first.
    """
    *before, current = line.split(" ")
    folders = [config_folder(), *_extra_folder(before)]
    key, equals, _ = current.partition("=")
    found: Iterable[str] = ()
    if equals:
        found = (f"{key}={value} " for value in _values(key, before[1:], folders))
    elif before[-1:] == ["--completion"]:
        found = (f"{shell} " for shell in SCRIPTS)
    elif before[-1:] != ["--config-dir"]:  # the shell completes folders
        found = _words(before[1:], folders)
    return sorted(word for word in dict.fromkeys(found) if word.startswith(current))


def _extra_folder(before: Sequence[str]) -> Iterator[Path]:
    if "--config-dir" in before[:-1]:
        folder = Path(before[before.index("--config-dir") + 1])
        yield from [folder] if folder.is_dir() else []


def _values(key: str, before: Sequence[str], folders: Sequence[Path]) -> Iterator[str]:
    """The candidates after `key=`."""
    name = key.removeprefix("+")
    if name == "job":
        yield from jobs.names()
    elif name in STUDIES or name in TAKEN:
        yield from _studies(before)
    else:
        yield from options(name, folders)
        if _main_settings(folders).get(name) in ("true", "false"):
            yield from ("true", "false")


def _words(before: Sequence[str], folders: Sequence[Path]) -> Iterator[str]:
    """The candidates for a word: flags, jobs, experiments, studies, and all settings."""
    job = next((word.removeprefix("job=") for word in before), "")
    if job in jobs.names() and jobs.looks_at_a_study(job):
        yield from (f"{study} " for study in _studies(before))
    elif not before:
        yield from (f"{name} " for name in (*jobs.names(), *options("experiment", folders)))
    yield from (f"{flag} " for flag in FLAGS)
    yield from ("job=", "+experiment=", *(f"+{key}=" for key in TAKEN))
    yield from (f"{path}=" for path in _main_settings(folders))
    for folder in folders:
        for group in (path for path in folder.iterdir() if path.is_dir()):
            if group.name != "experiment":
                yield f"{group.name}="
                yield from _group_settings(group)


def _group_settings(group: Path) -> Iterator[str]:
    """The settings of a group's options; those of branches lie below the option."""
    for file in group.glob("*.yaml"):
        package = PACKAGE.search(file.read_text(encoding="utf-8"))
        prefix = package[1] if package else group.name
        yield from (f"{prefix}.{key}=" for key in _settings(file) if key != "name")


def _main_settings(folders: Sequence[Path]) -> dict[str, str]:
    """The settings outside of groups, by path, with their values as text."""
    own = _settings(folders[0] / "config.yaml")
    return {key: value for key, value in own.items() if key.partition(".")[0] != "defaults"}


def _studies(before: Sequence[str]) -> list[str]:
    """The studies under the command's root."""
    roots = [word.removeprefix("root=") for word in before if word.startswith("root=")]
    folder = Path(roots[-1] if roots else _main_settings([config_folder()])["root"])
    return sorted(path.name for path in (folder / "studies").glob("*") if path.is_dir())


def _settings(file: Path) -> dict[str, str]:
    """The keys of a file in conf/ by path, with their values as text.

    It matches lines, because parsing a hundred files as YAML takes too long for a key press.
    """
    found, section = dict[str, str](), ""
    for indent, key, value in KEY.findall(file.read_text(encoding="utf-8")):
        if not indent and not value:
            section = key
        elif not indent or section:
            found[f"{section}.{key}" if indent else key] = value
    return found
