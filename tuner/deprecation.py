"""Deprecation: the one place and the one form of its warnings."""

import warnings


def warn_deprecated(old: str, new: str, since: str, until: str, depth: int = 3) -> None:
    """Warns whoever uses a name that will be gone; docs/versions.md has the policy.

    It is a FutureWarning, for Python shows these to everybody and not to developers alone.

    Args:
        old: the name as it is used.
        new: what to use in its place.
        since: the version that deprecated it.
        until: the version in which it is gone, a major one.
        depth: how many calls above this one the use stands.

    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as told:
    ...     warnings.simplefilter("always")
    ...     warn_deprecated("tuner.old", "tuner.new", "1.0", "2.0")
    >>> print(told[0].message)
    tuner.old is deprecated since tuner 1.0 and will be gone in 2.0: use tuner.new
    """
    warnings.warn(
        f"{old} is deprecated since tuner {since} and will be gone in {until}: use {new}",
        FutureWarning,
        stacklevel=depth,
    )
