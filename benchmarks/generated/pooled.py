"""Differences of several sets with no generator in common, put together:
python benchmarks/generated/pooled.py 0.03,-0.01,0.07 0.03,-0.00,0.06

Each argument is a difference and its 95 % interval, as `score.py` prints them. Prints their mean, weighted by the
inverse of their variances (half an interval is 1.96 standard errors), and its 95 % interval.
"""

import sys

WIDE = 1.96
"""Standard errors in half a 95 % interval."""


def main() -> None:
    told = [[float(number) for number in each.split(",")] for each in sys.argv[1:]]
    weights = [(2 * WIDE / (high - low)) ** 2 for _, low, high in told]
    mean = sum(weight * gain for weight, (gain, _, _) in zip(weights, told, strict=True)) / sum(weights)
    half = WIDE / sum(weights) ** 0.5
    print(f"{mean:+.2f} [{mean - half:+.2f}, {mean + half:+.2f}]")


if __name__ == "__main__":
    main()
