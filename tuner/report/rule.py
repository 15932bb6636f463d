"""The text of a rule: formula, source, conventions and hyperparameters, from its source file."""

import ast
import inspect
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module

from tuner.training import optimizers
from tuner.training.slots import zero

# The sections of a docstring after its prose.
SECTION = re.compile(r"\n(?=(?:Args|Returns|Raises):\n)")
ENTRY = re.compile(r"^    (\S[^:]*): ((?:.*\n?)(?:        .*\n?)*)", re.MULTILINE)


@dataclass(frozen=True)
class Rule:
    """The documentation in the source file of an optimizer."""

    name: str

    @property
    def optimizer(self) -> optimizers.Optimizer:
        """The optimizer."""
        return optimizers.load(self.name)

    @cached_property
    def module_words(self) -> list[str]:
        """The paragraphs of the module docstring."""
        module = import_module(f"{optimizers.__name__}.{self.name}")
        return paragraphs(inspect.cleandoc(module.__doc__ or ""))

    @cached_property
    def words(self) -> list[str]:
        """The parts of the rule's docstring: prose, arguments, results, a property."""
        return SECTION.split(inspect.getdoc(self.optimizer.rule) or "")

    @property
    def is_another(self) -> bool:
        """Whether it uses the step of another optimizer, whose file has the formula."""
        return self.optimizer.rule.__name__ != self.name

    @property
    def summary(self) -> str:
        """What the optimizer is, in one line."""
        return self.module_words[0]

    @property
    def source(self) -> list[str]:
        """The paper, and the conventions chosen where sources differ, in paragraphs."""
        own = [text for text in self.module_words[1:] if not text.startswith(">>>")]
        return [*own, *paragraphs(self.words[0])]

    @property
    def formula(self) -> str:
        """The source lines that compute a step."""
        source = textwrap.dedent(inspect.getsource(self.optimizer.rule))
        function = ast.parse(source).body[0]
        assert isinstance(function, ast.FunctionDef)
        docstring = function.body[0]
        lines = source.splitlines()[docstring.end_lineno or 0 :]
        return textwrap.dedent("\n".join(lines)).strip()

    @property
    def arguments(self) -> Mapping[str, str]:
        """The meaning of each hyperparameter."""
        section = next((part for part in self.words if part.startswith("Args:")), "")
        return {head: " ".join(said.split()) for head, said in ENTRY.findall(section)}

    @property
    def example(self) -> tuple[str, str]:
        """A property that the docstring shows: in words, and as a Python session."""
        last = paragraphs(self.words[-1])
        code = [i for i, text in enumerate(last) if text.startswith(">>>")]
        if not code:
            return "", ""
        return last[code[0] - 1] if code[0] else "", "\n\n".join(last[code[0] :])

    @property
    def state(self) -> Mapping[str, str]:
        """The state between steps: the size and the start of each slot."""
        return {
            name: (
                f"{'one number' if slot.scalar else 'one number for each parameter'}, starts at "
                + ("0" if slot.start is zero else started(slot.asks))
            )
            for name, slot in self.optimizer.slots.items()
        }

    @property
    def decay(self) -> str:
        """How its weight decay works."""
        if "weight_decay" in self.optimizer.own:
            return "part of the rule"
        if self.optimizer.decoupled:
            return "decoupled, `theta - lr * weight_decay * theta` before the step"
        return "coupled, `g + weight_decay * theta` in place of `g`"


def started(asks: list[str]) -> str:
    """What a slot starts from, given the arguments of its start function."""
    if not asks:
        return "a constant"
    return f"`{asks[0]}`" if len(asks) == 1 else f"a value of {', '.join(f'`{a}`' for a in asks)}"


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a text, each on one line except Python sessions."""
    found = [part.strip("\n") for part in re.split(r"\n\s*\n", text.strip()) if part.strip()]
    return [part if part.startswith(">>>") else " ".join(part.split()) for part in found]
