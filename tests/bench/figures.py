# SPDX-License-Identifier: Apache-2.0
"""Percentiles of rounds and the tables that show them. Pure."""
import statistics


def percentile(values, share):
    """The smallest value with at least `share` of all at or below it."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(len(ordered) * share * 1000) // 1000) - 1))]


class Rounds:
    """Milliseconds of each side, round by round. A round gives a p50 and a p95; rounds give a minimum and a median.

    Another share than 0.95 may be taken for the tail: 1 is the longest of a round.
    """

    def __init__(self, tail=0.95):
        self.sides, self.tail = {}, tail

    def add(self, side, milliseconds):
        self.sides.setdefault(side, []).append((percentile(milliseconds, 0.5), percentile(milliseconds, self.tail)))

    def summary(self, side):
        """(least p50, median p50, least p95, median p95)"""
        halves, tails = zip(*self.sides[side])
        return min(halves), statistics.median(halves), min(tails), statistics.median(tails)

    def ratio(self, side, other, of_tails=False):
        """Median over the rounds of p50 / p50 in the same round: what is slow for both divides out."""
        which = 1 if of_tails else 0
        return statistics.median(a[which] / b[which] for a, b in zip(self.sides[side], self.sides[other]))

    def table(self, title):
        tail = "max" if self.tail == 1 else f"p{self.tail * 100:.0f}"
        lines = [title, f"  {'':34}{'p50 min':>9}{'median':>9}{tail + ' min':>10}{'median':>9}   ms"]
        for side in self.sides:
            least, half, least_tail, tail = self.summary(side)
            lines.append(f"  {side:34}{least:9.2f}{half:9.2f}{least_tail:10.2f}{tail:9.2f}")
        return "\n".join(lines)


def verdict(what, value, bound):
    """A goal and whether this run met it. Told, never asserted: a busy machine is no fault of the code."""
    return f"  {what}: {value:.2f} (goal: {'at most' if bound[0] == '<=' else 'below'} {bound[1]:.2f}) " \
           f"{'met' if (value <= bound[1] if bound[0] == '<=' else value < bound[1]) else 'MISSED'}"
