"""Deprecation: the single form of its warnings."""

import warnings


def warn_deprecated(old: str, new: str, since: str, until: str, depth: int = 3) -> None:
    """Warns of the use of a deprecated name; docs/versions.md has the policy.

    It is a FutureWarning, because Python shows these to all users, not only to developers.

    Args:
        old: the deprecated name.
        new: what to use instead.
        since: the version that deprecated it.
        until: the major version that removes it.
        depth: how many calls above this one the name is used.

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
