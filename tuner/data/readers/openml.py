"""A data set of openml.org by its number, fetched once and kept in scikit-learn's data folder."""

from tuner.data import files
from tuner.data.readers.scikit_learn import plain
from tuner.data.source import Source
from tuner.errors import UserError


def read(id: int, target: str | list[str] | None = None) -> Source:
    """A table of openml.org with its target.

    Args:
        id: its number on openml.org.
        target: columns to use as targets instead of the default ones.

    Raises:
        UserError: there is no network, no such set, or no such target.
    """
    where = f"data.id: {id}"
    if id < 1:
        raise UserError(f"{where}: must be 1 at least, a number of openml.org")
    from sklearn.datasets import fetch_openml

    chosen = "default-target" if target is None else files.listed(target)
    try:
        with files.quiet():
            fetched = fetch_openml(data_id=id, target_column=chosen, as_frame="auto", parser="auto")
    except OSError as error:
        said = " ".join(str(error).split())
        raise UserError(
            f"{where}: cannot be fetched ({said}); it needs the network, and a number of "
            "openml.org; or download the table and give it as data=csv"
        ) from error
    except Exception as error:  # the data are untrusted
        said = " ".join(str(error).split())[:200]
        raise UserError(f"{where}: {said}; must be a set of openml.org with its target") from error
    if fetched.target is None:
        raise UserError(f"{where}: the set names no target; give data.target")
    return Source(where, *plain(where, fetched.data, fetched.target))
