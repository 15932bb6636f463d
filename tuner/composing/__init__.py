"""Composing: Hydra makes the config of a command from conf/ and the given settings.

Only this package imports Hydra, and only when it composes.
"""

from tuner.composing.compose import compose
from tuner.composing.groups import SEVERAL, config_folder, options
from tuner.composing.studies import TAKEN

__all__ = ["SEVERAL", "TAKEN", "compose", "config_folder", "options"]
