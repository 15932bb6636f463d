"""What a fused pass costs: nanoseconds a parameter for every optimizer, beside a copy.

Every optimizer is found by its file. A pass and a copy of the same arrays (theta, gradient and
slots, read and written once) are timed in turn; the best of several rounds counts, since machines
are noisy. `of a copy` is the pass over the copy. `of a touch` is the pass over a sweep that only
reads the arrays and writes back all but the gradient, which no pass can beat by much. `of adam` is
the pass over Adam's.

    python benchmarks/optimizers.py [--rounds 5] [--only sgd adamw] [--json]
"""

import argparse
import json

from tuner.training import optimizers
from tuner.training.pass_cost import SIZES, cost


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these, beside Adam")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    names = sorted({"adam", *arguments.only}) if arguments.only else optimizers.names()
    report = {
        size: {name: cost(name, rows, model, arguments.rounds) for name in names}
        for size, (rows, model) in SIZES.items()
    }
    if arguments.json:
        print(json.dumps(report))
        return
    for size, costs in report.items():
        print(f"{size:<22}  ns a parameter   of a copy   of a touch   of adam")
        for name, (own, copied, touched) in sorted(costs.items(), key=lambda item: item[1][0]):
            print(
                f"    {name:<18}  {own:14.2f}  {own / copied:10.2f}  {own / touched:11.2f}"
                f"  {own / costs['adam'][0]:8.2f}"
            )


if __name__ == "__main__":
    main()
