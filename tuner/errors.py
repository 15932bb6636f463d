"""The errors a user can cause: one line each, with the exit code of the command."""


class UserError(Exception):
    """A mistake that the user can mend: one line that says what is wrong and what is allowed."""

    exit_code = 2


class BusyError(UserError):
    """Another process owns the study (exit code 75, EX_TEMPFAIL: try again later)."""

    exit_code = 75
