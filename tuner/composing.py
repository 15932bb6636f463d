"""Composing: the config of a command, made by Hydra from the folder conf/ and the settings given.

Only this file knows Hydra, which it loads when it is asked to compose.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tuner import discovery
from tuner.errors import UserError, did_you_mean

# So many options of a group are named in an error; of more, --help tells.
FEW = 12

# The groups of which several options are branches of the search.
SEVERAL = ("optimizer", "schedule", "model", "loss")

# The groups whose options need no file in conf/: each module of the package is one.
PACKAGES = {"sampler": "tuner.search.samplers", "pruner": "tuner.search.pruners"}

# The group of which job=compare takes several options, one after another.
DATA = "data"

# +range=<study> takes the rates that job=range_test found for it.
RANGE = "range"


def config_folder() -> Path:
    """The folder conf/: in the package of an installed wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parent
    return next(p for p in (package / "conf", package.parent / "conf") if p.is_dir())


def options(group: str, folders: Sequence[Path]) -> set[str]:
    """The options of a group: its files in the folders, and what its package holds, if it has one.

    Empty for a key that is no group.
    """
    found = discovery.names(PACKAGES[group]) if group in PACKAGES else []
    return {*files(group, folders), *found}


def files(group: str, folders: Sequence[Path]) -> set[str]:
    """The options of a group that have a file in one of the folders."""
    return {path.stem for folder in folders for path in (folder / group).glob("*.yaml")}


def compose(overrides: Sequence[str], extra_folder: str | None) -> dict[str, Any]:
    """The composed config as plain data.

    Hydra chooses the options of the groups; values are then set here, so that a mapping replaces
    the one there is (Hydra would merge a range given whole into another), and so that an unknown
    key reaches the schema, which knows what is allowed.

    Args:
        overrides: settings as the command line has them, `key=value`.
        extra_folder: a folder laid out as conf/, whose options and experiments count as well.

    Raises:
        UserError: in one line.
    """
    from hydra import compose, initialize_config_dir
    from hydra.core.config_store import ConfigStore
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import OverrideType
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    folders = [config_folder(), *([Path(extra_folder)] if extra_folder else [])]
    search = [f"hydra.searchpath=[file://{Path(extra_folder).resolve()}]"] if extra_folder else []
    try:
        parser, parsed = OverridesParser.create(), []
        for text in overrides:
            try:
                parsed.append(parser.parse_override(text))
            except HydraException as error:
                said = one_line(error).partition(" See https")[0]
                raise UserError(f"{text}: is not key=value as Hydra reads it: {said}") from None
        if several := [o for o in parsed if many_data(o.key_or_group, o.value())]:
            return compose_each(overrides, several[-1], extra_folder)
        values, choices, ranges = {}, [], []
        for override in parsed:
            key = str(override.key_or_group)
            if key == RANGE and not isinstance(override.value(), dict | None):
                ranges.append(range_name(str(override.input_line), override.value()))
                continue
            if not key:
                raise UserError(f"{override.input_line}: must begin with a key")
            if key.startswith("hydra"):
                raise UserError(f"{key}: tuner composes with Hydra, but does not run under it")
            known = options(key, folders)
            if override.type is not OverrideType.DEL and known:
                check_options(key, override.value(), known)
            if override.type is not OverrideType.CHANGE or known:
                choices.append(str(override.input_line))
            elif override.is_sweep_override():
                raise UserError(
                    f"{key}: {override.value()}: give a range as {{low: ..., high: ...}} "
                    "or a list as {choices: [...]}"
                )
            else:
                values[key] = override.value()
        for group, package in PACKAGES.items():
            for name in set(discovery.names(package)) - files(group, folders):
                ConfigStore.instance().store(name, {"name": name}, group)
        with initialize_config_dir(str(config_folder()), version_base="1.3"):
            config = compose("config", overrides=[*choices, *search])
        for name in ranges:
            apply_range(config, name, str(values.get("root", config.root)))
        for key, value in values.items():
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
        # A config may refer to itself, but it reads no environment and runs no code.
        for resolver in ("oc.env", "oc.decode", "oc.create", "oc.deprecated"):
            OmegaConf.clear_resolver(resolver)
        plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except (HydraException, OmegaConfBaseException, ValueError, AssertionError) as error:
        raise UserError(one_line(error)) from None
    assert isinstance(plain, dict)
    compared = plain.get("compare")
    if isinstance(compared, dict) and compared.get("data") is not None:
        raise UserError(f"compare.data: {compared['data']}: give {DATA}=[...] for several data")
    return {str(key): value for key, value in plain.items()}


def many_data(key: Any, value: Any) -> bool:
    """Whether an override names several data sets, which job=compare takes one by one."""
    return key == DATA and isinstance(value, list) and len(value) > 1


def compose_each(overrides: Sequence[str], chosen: Any, extra_folder: str | None) -> dict[str, Any]:
    """The config of the first of several data sets, with those of all in compare.data.

    Args:
        overrides: settings as the command line has them.
        chosen: the one of them, as Hydra parsed it, that names the data sets.
        extra_folder: as `compose` takes it.

    Raises:
        UserError: if a set is named twice, or the job takes one alone.
    """
    names = [str(name) for name in chosen.value()]
    others = [text for text in overrides if text != str(chosen.input_line)]
    each = [compose([*others, f"{DATA}={name}"], extra_folder) for name in names]
    first = each[0]
    if first.get("job") != "compare":
        raise UserError(f"{DATA}: {names}: choose one; several go with job=compare")
    if len(set(names)) < len(names):
        raise UserError(f"{DATA}: {names}: must name each once")
    # What else stands there the schema refuses.
    if isinstance(first.get("compare"), dict):
        first["compare"]["data"] = [plain[DATA] for plain in each]
    return first


def range_name(line: str, value: Any) -> str:
    """The study whose range `+range=<study>` asks for.

    Args:
        line: the override as it was given.
        value: what stands behind its `=`.

    Raises:
        UserError: if the `+` is missing.
    """
    if not line.startswith("+"):
        raise UserError(f"{RANGE}: {value}: give +{RANGE}={value} for what job=range_test found")
    return str(value)


def apply_range(config: Any, name: str, root: str) -> None:
    """Puts the learning rates that job=range_test found for a study in the config's place.

    Args:
        config: composed, of Hydra's type; it is changed in place.
        name: of the study.
        root: the folder that studies are kept in.

    Raises:
        UserError: for a study without a range, and for a range of other optimizers.
    """
    import yaml
    from omegaconf import OmegaConf

    found = {path.parts[-3]: path for path in Path(root).glob("studies/*/range/range.yaml")}
    if name not in found:
        hint = did_you_mean(name, sorted(found), 3)
        known = f"must be one of {', '.join(sorted(found))}" if found else "there is none"
        raise UserError(
            f"{RANGE}: {name}: {hint}{known} in {root}: job=range_test study.name={name} makes one"
        )
    try:
        ranges: Any = OmegaConf.to_container(OmegaConf.load(found[name]))
        rates = {optimizer: own["lr"] for optimizer, own in ranges["optimizer"].items()}
    except (OSError, ValueError, TypeError, LookupError, AttributeError, yaml.YAMLError):
        raise UserError(f"{RANGE}: {found[name]}: is not as job=range_test writes it") from None
    chosen = [str(optimizer) for optimizer in config.optimizer]
    if not set(chosen) & set(rates):
        raise UserError(
            f"{RANGE}: {name}: is of optimizer={','.join(rates)}, not of {', '.join(chosen)}"
        )
    for optimizer in set(chosen) & set(rates):
        OmegaConf.update(config, f"optimizer.{optimizer}.lr", rates[optimizer], merge=False)


def check_options(group: str, chosen: Any, known: set[str]) -> None:
    """Refuses options that are not there, and several where one is meant.

    Args:
        group: that they are of.
        chosen: one name or a list of them.
        known: the options that there are.

    Raises:
        UserError: for the first that is refused.
    """
    several = group in SEVERAL
    if isinstance(chosen, list) and not several:
        raise UserError(
            f"{group}: {chosen}: choose one; several go with {' and '.join(SEVERAL)} alone"
        )
    names = chosen if isinstance(chosen, list) else [chosen]
    if not names:
        raise UserError(f"{group}: []: must name one or more: --help lists them")
    for name in names:
        if str(name) not in known:
            hint = did_you_mean(name, sorted(known), 5, 0.4)
            these = ", ".join(sorted(known)) if len(known) <= FEW else "those in --help"
            raise UserError(f"{group}: {name}: {hint}must be one of {these}")


def one_line(error: Exception) -> str:
    """Hydra's message without its line breaks and its advice on sources."""
    lines = [line.strip() for line in str(error).splitlines()]
    noise = ("full_key", "object_type", "Config search path", "provider=", "reference_type")
    return " ".join(line for line in lines if line and not line.startswith(noise))
