"""The page of jobs, flags and exit codes."""

import re

from docs.site import markdown
from docs.site.docstrings import plain
from docs.site.markdown import code, table
from tuner import discovery, jobs
from tuner.cli import help_page


def exit_codes() -> dict[str, str]:
    """The exit codes and their meanings, from the help page."""
    told = help_page().split("Exit codes:\n")[1]
    return dict(re.findall(r"^ +([\d, ]+?) +(\D.*)$", told, re.MULTILINE))


def page() -> str:
    """The page of jobs, flags and exit codes."""
    rows = [
        (
            code(f"job={name}"),
            plain(discovery.first_line(jobs.__name__, name)),
            ", ".join(map(code, jobs.outputs(name))),
            "yes" if jobs.looks_at_a_study(name) else "",
        )
        for name in jobs.names()
    ]
    flags = re.findall(r"^    (--[\w-]+(?: [A-Z]+)?(?:, -\w)?)  +(.*)$", help_page(), re.MULTILINE)
    own = [(code(flag), plain(said)) for flag, said in flags]
    return markdown.page(
        "Jobs and exit codes",
        "The first setting or word of a command may be its job: `tuner list` is `job=list`. A job",
        "that looks at a study takes the study's name behind it, as `tuner show adam`.",
        "",
        *table(("job", "what it does", "`output`", "looks at a study"), rows),
        "## Flags",
        "",
        *table(("flag", "meaning"), own),
        "## Exit codes",
        "",
        *table(("exit code", "meaning"), ((n, plain(text)) for n, text in exit_codes().items())),
    )
