"""Classic test functions, without data: value and gradient together, where to start, what to see.

A function is a class of this file. Its fields are its settings, annotated with their domains; its
name is that of the class in small letters. Formulas, minima and, where there is one, the usual
start come from the source that its docstring names. Functions are computed in float64, element by
element, so that no row influences another.
"""

import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from inspect import getmembers, isabstract, isclass
from typing import Annotated, Any, ClassVar, get_type_hints

import numpy as np

from tuner.training.domains import Domain

Array = np.ndarray
# The coordinates of a minimum; the lower and the upper bound of a coordinate.
Point = tuple[float, ...]
Bounds = tuple[float, float]

# One number for all coordinates, or one for each.
Start = Annotated[float | Point, Domain(-1e6, 1e6, high_closed=True, many=True)]
Dimension = Annotated[int, Domain(1, 1e4, high_closed=True, whole=True)]
ConditionNumber = Annotated[float, Domain(1.0, 1e12, high_closed=True)]

# The window of a quadratic reaches this many times as far as its starting point.
ROOM = 1.2


@dataclass(frozen=True)
class Function(ABC):
    """A function of `size` numbers.

    Attributes:
        start: where the descent begins: one number for all coordinates, or one for each.
        lowest: the value at the minima.

    Raises:
        ValueError: settings do not fit together; the message begins with the setting.
    """

    start: Start

    lowest: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        given = np.size(self.start)
        if given not in (1, self.size):
            raise ValueError(
                f"start: {given} numbers: must be one number for all axes, or {self.size}, one "
                "for each axis"
            )

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of coordinates."""

    @property
    @abstractmethod
    def minima(self) -> tuple[Point, ...]:
        """Where the function has its lowest value."""

    @property
    @abstractmethod
    def window(self) -> tuple[Bounds, Bounds]:
        """The part of the plane to plot: bounds of x and of y."""

    @abstractmethod
    def __call__(self, theta: Array) -> tuple[Array, Array]:
        """Values and gradients, together.

        Args:
            theta: (rows, size) points.

        Returns:
            Values (rows,) and gradients (rows, size), float64.
        """

    @property
    def origin(self) -> Array:
        """The starting point (size,)."""
        return np.array(np.broadcast_to(self.start, self.size), dtype=np.float64)


@dataclass(frozen=True)
class Quadratic(Function):
    """sum of c_i x_i**2, the c_i from 1 / condition_number to 1 in equal ratios: a long bowl.

    There is no factor 1/2, so that one dimension is the usual x**2. The last axis is the
    steepest, and its curvature is 2 whatever the condition number: gradient descent is stable
    below the rate 1, and a step of it multiplies the last coordinate by 1 - 2 lr.

    Attributes:
        start: where the descent begins.
        dimension: number of coordinates.
        condition_number: the steepest axis' curvature over the flattest's; 1 in one dimension.

    Raises:
        ValueError: settings do not fit together; the message begins with the setting.

    >>> Quadratic(start=10.0)(np.array([[10.0]]))
    (array([100.]), array([[20.]]))
    """

    start: Start = 10.0
    dimension: Dimension = 1
    condition_number: ConditionNumber = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dimension == 1 and self.condition_number != 1:
            raise ValueError(
                f"condition_number: {self.condition_number:g}: must be 1 in one dimension: "
                "give dimension=2 or more"
            )

    @property
    def size(self) -> int:
        return self.dimension

    @property
    def minima(self) -> tuple[Point, ...]:
        return ((0.0,) * self.dimension,)

    @property
    def window(self) -> tuple[Bounds, Bounds]:
        reach = ROOM * (float(np.abs(self.origin).max()) or 1.0)
        return (-reach, reach), (-reach, reach)

    @property
    def coefficients(self) -> Array:
        """The c_i, (dimension,), ascending to 1."""
        shares = np.arange(self.dimension)[::-1] / max(self.dimension - 1, 1)
        return np.float_power(self.condition_number, -shares)

    def __call__(self, theta: Array) -> tuple[Array, Array]:
        slopes = self.coefficients * theta
        return (slopes * theta).sum(axis=1), 2 * slopes


class Plane(Function):
    """A function of two numbers, x and y."""

    minima: ClassVar[tuple[Point, ...]]
    window: ClassVar[tuple[Bounds, Bounds]]
    size: ClassVar[int] = 2

    def __call__(self, theta: Array) -> tuple[Array, Array]:
        value, *slopes = self.at(*np.asarray(theta, dtype=np.float64).T)
        return value, np.stack(slopes, axis=1)

    @abstractmethod
    def at(self, x: Array, y: Array) -> tuple[Array, Array, Array]:
        """Values and derivatives at the points (x, y).

        Args:
            x, y: (rows,) coordinates, float64.

        Returns:
            The values and their derivatives by x and by y, (rows,) each.
        """


@dataclass(frozen=True)
class Rosenbrock(Plane):
    """(1 - x)**2 + 100 (y - x**2)**2: a bent valley, steep across and almost flat along.

    H. H. Rosenbrock, "An automatic method for finding the greatest or least value of a function",
    The Computer Journal 3 (1960), with his start; also problem 1 of Moré, Garbow & Hillstrom,
    "Testing unconstrained optimization software", ACM TOMS 7 (1981).
    """

    start: Start = (-1.2, 1.0)
    minima = ((1.0, 1.0),)
    window = ((-2.0, 2.0), (-1.0, 3.0))

    def at(self, x: Array, y: Array) -> tuple[Array, Array, Array]:
        left, off = 1 - x, y - x * x
        return left * left + 100 * off * off, -2 * left - 400 * x * off, 200 * off


@dataclass(frozen=True)
class Beale(Plane):
    """The squares of c - x (1 - y**k) for k = 1, 2, 3 and c = 1.5, 2.25, 2.625: flat, with cliffs.

    E. M. L. Beale, "On an iterative method for finding a local minimum of a function of more than
    one variable" (1958); problem 5 of Moré, Garbow & Hillstrom (1981), with their start.
    """

    start: Start = (1.0, 1.0)
    minima = ((3.0, 0.5),)
    window = ((-4.5, 4.5), (-4.5, 4.5))

    def at(self, x: Array, y: Array) -> tuple[Array, Array, Array]:
        value, by_x, by_y = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
        power = np.ones_like(y)  # y**(k - 1)
        for k, c in enumerate((1.5, 2.25, 2.625), start=1):
            rest = c - x * (1 - y * power)
            value += rest * rest
            by_x -= 2 * rest * (1 - y * power)
            by_y += 2 * rest * x * k * power
            power *= y
        return value, by_x, by_y


@dataclass(frozen=True)
class Himmelblau(Plane):
    """(x**2 + y - 11)**2 + (x + y**2 - 7)**2: four minima of the same depth.

    D. M. Himmelblau, "Applied Nonlinear Programming" (1972). The first minimum is exact, the
    others are to twelve digits; the start is by the hilltop between them.
    """

    start: Start = (0.0, 0.0)
    minima = (
        (3.0, 2.0),
        (-2.805118086953, 3.131312518250),
        (-3.779310253378, -3.283185991286),
        (3.584428340330, -1.848126526964),
    )
    window = ((-5.0, 5.0), (-5.0, 5.0))

    def at(self, x: Array, y: Array) -> tuple[Array, Array, Array]:
        one, two = x * x + y - 11, x + y * y - 7
        return one * one + two * two, 4 * x * one + 2 * two, 2 * one + 4 * y * two


@dataclass(frozen=True)
class Rastrigin(Plane):
    """20 + x**2 - 10 cos(2 pi x) + y**2 - 10 cos(2 pi y): a bowl of many dents, one the deepest.

    L. A. Rastrigin, "Systems of extremal control" (1974), in two dimensions. There is a local
    minimum near every point of whole numbers.
    """

    start: Start = (3.4, -2.4)
    minima = ((0.0, 0.0),)
    window = ((-5.12, 5.12), (-5.12, 5.12))

    def at(self, x: Array, y: Array) -> tuple[Array, Array, Array]:
        (dent_x, by_x), (dent_y, by_y) = self.along(x), self.along(y)
        return 20 + dent_x + dent_y, by_x, by_y

    @staticmethod
    def along(x: Array) -> tuple[Array, Array]:
        """What one coordinate adds, and its derivative."""
        angle = 2 * np.pi * x
        return x * x - 10 * np.cos(angle), 2 * x + 20 * np.pi * np.sin(angle)


@dataclass(frozen=True)
class GoldsteinPrice(Plane):
    """A product of two polynomials of degree four: values from 3 to a million in a small square.

    A. A. Goldstein & J. F. Price, "On descent from local minima", Mathematics of Computation 25
    (1971); also in Dixon & Szegö, "Towards Global Optimisation 2" (1978). Local minima of 30 at
    (-0.6, -0.4), 84 at (1.8, 0.2) and 840 at (1.2, 0.8).
    """

    start: Start = (0.4, -0.2)
    minima = ((0.0, -1.0),)
    lowest = 3.0
    window = ((-2.0, 2.0), (-2.0, 2.0))

    def at(self, x: Array, y: Array) -> tuple[Array, Array, Array]:
        s, d = x + y + 1, 2 * x - 3 * y
        a = 19 - 14 * x + 3 * x * x - 14 * y + 6 * x * y + 3 * y * y
        b = 18 - 32 * x + 12 * x * x + 48 * y - 36 * x * y + 27 * y * y
        one, two = 1 + s * s * a, 30 + d * d * b
        # The first polynomial has the same derivative by x and by y.
        of_one = 2 * s * a + s * s * (6 * x + 6 * y - 14)
        two_by_x = 4 * d * b + d * d * (24 * x - 36 * y - 32)
        two_by_y = -6 * d * b + d * d * (54 * y - 36 * x + 48)
        return one * two, of_one * two + one * two_by_x, of_one * two + one * two_by_y


def _name(kind: type) -> str:
    return re.sub(r"(?<=.)([A-Z])", r"_\1", kind.__name__).lower()


_KINDS: Mapping[str, type[Function]] = {
    _name(kind): kind
    for _, kind in getmembers(sys.modules[__name__], isclass)
    if issubclass(kind, Function) and not isabstract(kind)
}


def names() -> list[str]:
    """Names of all functions, the classes of this file."""
    return sorted(_KINDS)


def load(name: str) -> type[Function]:
    """The function of that name.

    Raises:
        KeyError: no class has that name.
    """
    return _KINDS[name]


def settings(name: str) -> dict[str, Domain]:
    """The settings of a function with their domains, in the order of its fields."""
    kind = load(name)
    hints = get_type_hints(kind, include_extras=True)
    return {field.name: hints[field.name].__metadata__[0] for field in fields(kind)}


def create(name: str, given: Mapping[str, Any]) -> Function:
    """The function of that name with the settings given; the others have their defaults.

    Args:
        name: one of `names`.
        given: settings by name; several numbers of one setting are a list, or one by one:
            `start.0`, `start.1`.

    Raises:
        KeyError: no class has that name.
        ValueError: settings do not fit together; the message begins with the setting.
    """
    own: dict[str, Any] = {}
    for key in settings(name):
        listed = [given[path] for i in range(len(given)) if (path := f"{key}.{i}") in given]
        value = listed or given.get(key)
        if value is not None:
            own[key] = tuple(value) if isinstance(value, list) else value
    return load(name)(**own)
