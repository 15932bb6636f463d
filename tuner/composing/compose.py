"""The config of a command: Hydra chooses the options, then the given settings are applied."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tuner import discovery
from tuner.composing import function as own
from tuner.composing.best import BEST, apply_best
from tuner.composing.groups import PACKAGES, check_options, config_folder, files, options
from tuner.composing.next_round import NEXT, apply_next
from tuner.composing.ranges import RANGE, apply_range, check_ranges
from tuner.composing.references import References
from tuner.composing.short_names import full_path
from tuner.composing.state import aside
from tuner.composing.studies import TAKEN, study_name
from tuner.composing.times import TooLong, within
from tuner.composing.usual import (
    bundled_data,
    chooses_data,
    chosen_options,
    keep_chosen,
    place_pruner,
    usual_experiment,
)
from tuner.dated import dated, is_pattern
from tuner.errors import UserError, setting
from tuner.function import Function

# A config, or a part of one, as plain data.
Plain = dict[str, Any]

# The CPU seconds that composing a config may take; it usually takes a tenth of a second.
SECONDS = 1.5

# The group of data sets, and the jobs that take several of them, one after another.
DATA, COMPARE, CARD = "data", "compare", "card"


def compose(
    overrides: Sequence[str], extra_folder: str | None, function: Function | None = None
) -> Plain:
    """The composed config as plain data.

    Hydra chooses the options of the groups. Values are then set here, so that a mapping replaces
    the existing one (Hydra would merge a whole range into another one), and so that an unknown key
    reaches the schema, which knows what is allowed.

    Args:
        overrides: settings in the form of the command line, `key=value`.
        extra_folder: a folder laid out like conf/, with further options and experiments.
        function: a user function, which is trained in place of tuner's models.

    Raises:
        UserError: in one line.
    """
    with understood():
        with within(SECONDS):
            parsed = parse(overrides)
        several = [o for o in parsed if many_data(o.key_or_group, o.value())]
        if several and function is None:
            others = [text for text in overrides if text != str(several[-1].input_line)]
            return compose_each(others, [str(n) for n in several[-1].value()], extra_folder)
        with aside(), within(SECONDS):
            plain = composed(parsed, extra_folder, function)
        if plain.get("job") == CARD and function is None and not chooses_data(parsed, plain):
            return compose_each(overrides, bundled_data(), extra_folder)
        return plain


@contextmanager
def understood() -> Iterator[None]:
    """Turns errors of composing into one-line errors.

    Raises:
        UserError: in place of each of them.
    """
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    try:
        yield
    except (HydraException, OmegaConfBaseException, ValueError, AssertionError) as error:
        raise UserError(one_line(error)) from None
    except RecursionError:
        raise UserError("the config is nested too deeply, or its files name each other") from None
    except (MemoryError, OverflowError, TooLong) as error:
        said = (
            f"takes over {SECONDS} s to compose" if isinstance(error, TooLong) else "is too large"
        )
        raise UserError(f"the config {said}: give a smaller one") from None


def composed(
    parsed: Sequence[Any], extra_folder: str | None, function: Function | None = None
) -> Plain:
    """As `compose`, for parsed settings; Hydra's own errors are not converted.

    Raises:
        UserError: for mistakes that Hydra does not check.
    """
    from hydra import compose, initialize_config_dir
    from hydra.core.config_store import ConfigStore
    from omegaconf import OmegaConf

    folders, search = [config_folder()], list[str]()
    if extra_folder:
        from tuner.composing.folder import search_path

        folders.append(Path(extra_folder))
        search.append(search_path(extra_folder))
    values, choices, studies = sorted_out(parsed, folders)
    without = list[str]()
    if function is not None:
        own.check_given(function, list(values), choices)
        without = own.overrides(function, values, choices)
    for group, package in PACKAGES.items():
        for name in set(discovery.names(package)) - files(group, folders):
            ConfigStore.instance().store(name, {"name": name}, group)
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        config = compose("config", overrides=[*without, *choices, *search])
        if function is None and not any(studies.values()):
            usual = usual_experiment(config, choices, str(values.get("job", config.get("job"))))
            if usual:
                config = compose("config", overrides=[*usual, *choices, *search])
    keep_chosen(config, chosen_options(parsed))
    place_pruner(config, values)
    if function is not None:
        own.place(config, function)
    check_references(config)
    root = str(values.get("root", config.root))
    for name in studies[NEXT]:
        apply_next(config, name, root, choices)
    for name in studies[BEST]:
        apply_best(config, name, root, {choice.lstrip("+").partition("=")[0] for choice in choices})
    for name in studies[RANGE]:
        apply_range(config, name, root)
    if function is not None:
        values = {full_path(config, key, value): value for key, value in values.items()}
        values = own.in_order(function, values)
    for key, value in values.items():
        path = full_path(config, key, value)
        if function is not None:
            value = own.chosen(config, function, path, value)
        put(config, path, value)
    name_after_today(config)
    check_references(config)
    plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    assert isinstance(plain, dict)
    compared = plain.get("compare")
    if isinstance(compared, dict) and compared.get("data") is not None:
        raise UserError(f"compare.data: {compared['data']}: give {DATA}=[...] for several data")
    return {str(key): value for key, value in plain.items()}


def name_after_today(config: Any) -> None:
    """Replaces a name pattern by today's name, and keeps the pattern.

    Args:
        config: the composed config, of Hydra's type; modified in place.
    """
    from omegaconf import OmegaConf

    name = OmegaConf.select(config, "study.name")
    if isinstance(name, str) and is_pattern(name):
        OmegaConf.update(config, "study.pattern", name, force_add=True)
        OmegaConf.update(config, "study.name", dated(name))


def parse(overrides: Sequence[str]) -> list[Any]:
    """The settings as Hydra parses them.

    Raises:
        UserError: for a setting that Hydra cannot parse, and for a range that also has choices.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    parser, parsed = OverridesParser.create(), []
    for given in overrides:
        text = given if given.strip() else repr(given)
        try:
            override = parser.parse_override(given)
        except HydraException as error:
            said = one_line(error).partition(" See https")[0]
            key, _, value = text.partition("=")
            mend = (
                f"; quote the value for Hydra: {quoted(key, value)}" if is_name(key, value) else ""
            )
            raise UserError(f"{text}: is not key=value as Hydra reads it: {said}{mend}") from None
        except (RecursionError, ValueError, OverflowError) as error:
            said = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise UserError(f"{text}: is not key=value as Hydra reads it: {said}") from None
        check_ranges(text, override.value())
        parsed.append(override)
    return parsed


def is_name(key: str, value: str) -> bool:
    """Whether a value that Hydra cannot parse is one character, or may be names of columns."""
    named = key.startswith(f"{DATA}.") and value[:1] not in ("{", "'", '"') and '"' not in value
    return len(value) == 1 or named


def quoted(key: str, value: str) -> str:
    """A setting as typed on the command line, whose value is a name or a comma-separated list."""
    if value.startswith("[") and value.endswith("]"):
        return setting(key, [name.strip() for name in value[1:-1].split(",")])
    return setting(key, value)


def sorted_out(
    parsed: Sequence[Any], folders: Sequence[Path]
) -> tuple[Plain, list[str], dict[str, list[str]]]:
    """Splits settings into values, choices for Hydra, and studies to take something from, by key.

    Args:
        parsed: the settings from `parse`.
        folders: the folders of options.

    Raises:
        UserError: for a setting that is none of the three.
    """
    from hydra.core.override_parser.types import OverrideType

    values = Plain()
    choices, studies = list[str](), {key: list[str]() for key in TAKEN}
    for override in parsed:
        key = str(override.key_or_group)
        if key in TAKEN and not isinstance(override.value(), dict | None):
            studies[key].append(study_name(key, str(override.input_line), override.value()))
            continue
        if not key:
            raise UserError(f"{override.input_line}: must begin with a key")
        if key.startswith("hydra"):
            raise UserError(f"{key}: tuner composes with Hydra, but does not run under it")
        known = options(key, folders)
        if override.is_sweep_override():
            raise UserError(swept(override, bool(known)))
        if override.type is not OverrideType.DEL and known:
            check_options(key, override.value(), known)
        if override.type is not OverrideType.CHANGE or known:
            choices.append(str(override.input_line))
        else:
            values[key] = override.value()
    return values, choices, studies


def swept(override: Any, of_group: bool) -> str:
    """The error for a Hydra sweep, with what to type instead.

    Args:
        override: the override that Hydra parsed.
        of_group: whether its key is a group, so that the values are options.
    """
    key, given = override.get_key_element(), str(override.get_value_string())
    if str(key).startswith(f"{DATA}."):
        several = setting(key, [name.strip() for name in given.split(",")])
        return f"{key}: {given}: give {several}; or {setting(key, given)}, if it is one name"
    if not override.is_choice_sweep():
        mend = f"'{key}={{low: ..., high: ...}}', with scale: log or a step if need be"
    elif of_group:
        mend = f"{key}=[{given.removeprefix('choice(').removesuffix(')')}]"
    else:
        mend = f"'{key}={{choices: [{given.removeprefix('choice(').removesuffix(')')}]}}'"
    return f"{key}: {given}: one command searches them all: give {mend}"


def put(config: Any, key: str, value: Any) -> None:
    """Sets a value and replaces the former one.

    Args:
        config: the config, of Hydra's type; modified in place.
        key: the path, with dots.
        value: plain data.

    Raises:
        UserError: if the config has no place for it.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    above = key.rpartition(".")[0]
    holder = OmegaConf.select(config, above) if above else config
    if holder is None:
        raise UserError(f"{key}: {value}: there is no {above} in this config")
    if not OmegaConf.is_dict(holder):
        raise UserError(f"{above}: {holder}: must be a mapping, to hold {key}")
    try:
        OmegaConf.update(config, key, value, merge=False, force_add=True)
    except (OmegaConfBaseException, ValueError, AssertionError):
        raise UserError(f"{key}: {value}: does not fit there") from None


def check_references(config: Any) -> None:
    """Refuses a config, of Hydra's type, with references that are not plain or repeat too much.

    Raises:
        UserError: for the first such reference.
    """
    from omegaconf import OmegaConf

    plain: Any = OmegaConf.to_container(config, resolve=False)
    References(plain).check()


def many_data(key: Any, value: Any) -> bool:
    """Whether an override names several data sets, which job=compare takes one by one."""
    return key == DATA and isinstance(value, list) and len(value) > 1


def compose_each(overrides: Sequence[str], names: Sequence[str], extra_folder: str | None) -> Plain:
    """The config of the first of several data sets, with all of them in compare.data.

    Args:
        overrides: settings in the form of the command line, without the data.
        names: the names of the data sets.
        extra_folder: as in `compose`.

    Raises:
        UserError: if a set is named twice, or the job takes only one.
    """
    if len(set(names)) < len(names):
        raise UserError(f"{DATA}: {names}: must name each once")
    each = [compose([*overrides, f"{DATA}={name}"], extra_folder) for name in names]
    first = each[0]
    if first.get("job") not in (COMPARE, CARD):
        raise UserError(
            f"{DATA}: {names}: choose one; several go with job={COMPARE} and job={CARD}"
        )
    # The schema refuses anything else there.
    if isinstance(first.get("compare"), dict):
        first["compare"]["data"] = [dict(plain[DATA]) for plain in each]
    return first


def one_line(error: Exception) -> str:
    """Hydra's message on one line, the key first, without its hints on sources."""
    lines = [line.strip() for line in str(error).splitlines()]
    noise = ("full_key", "object_type", "Config search path", "provider=", "reference_type")
    said = " ".join(line for line in lines if line and not line.startswith(noise))
    key = getattr(error, "full_key", None)
    return f"{key}: {said}" if key and key not in said else said or type(error).__name__
