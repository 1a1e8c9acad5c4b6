"""The best assignment: which of two sets belong together at the least total cost.

Successive shortest augmenting paths with potentials (Kuhn 1955, Munkres 1957, in the sparse form of
Jonker and Volgenant 1987). Exact, and fast where each element has few possible partners.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence

Costs = Mapping[int, Mapping[int, float]]


def assign(costs: Costs, unassigned: float) -> dict[int, int]:
    """The assignment of rows to columns of the least total cost.

    `costs` holds for each row its possible columns, with costs of at least 0. To leave a row alone
    costs `unassigned`; of two assignments of equal cost either may come. Each column is taken at
    most once.
    """
    found: dict[int, int] = {}
    for part in parts(costs):
        found |= _assign_connected(costs, part, unassigned)
    return found


def parts(costs: Costs) -> list[list[int]]:
    """The rows in groups that share no column with each other, each group in ascending order."""
    rows_of: dict[int, list[int]] = {}
    for row, columns in costs.items():
        for column in columns:
            rows_of.setdefault(column, []).append(row)
    seen: set[int] = set()
    groups = []
    for row in costs:
        if row in seen:
            continue
        seen.add(row)
        group, waiting = [row], [row]
        while waiting:
            for column in costs[waiting.pop()]:
                for other in rows_of[column]:
                    if other not in seen:
                        seen.add(other)
                        group.append(other)
                        waiting.append(other)
        groups.append(sorted(group))
    return groups


def _assign_connected(costs: Costs, rows: Sequence[int], unassigned: float) -> dict[int, int]:
    if len(rows) == 1:
        (row,) = rows
        column = min(costs[row], key=lambda each: (costs[row][each], each), default=None)
        return {} if column is None or costs[row][column] > unassigned else {row: column}
    return _Search(costs, unassigned).run(rows)


class _Search:
    """Adds one row after the other; each takes the cheapest path of exchanges to a free column.

    Every row has a column of its own besides, -1 - row, that stands for being left alone.
    """

    def __init__(self, costs: Costs, unassigned: float) -> None:
        self._costs = costs
        self._unassigned = unassigned
        self._row_of: dict[int, int] = {}
        self._column_of: dict[int, int] = {}
        self._row_price: dict[int, float] = {}
        self._column_price: dict[int, float] = {}

    def run(self, rows: Sequence[int]) -> dict[int, int]:
        for row in rows:
            self._add(row)
        return {row: column for column, row in self._row_of.items() if column >= 0}

    def _add(self, first: int) -> None:
        distance: dict[int, float] = {}
        came_from: dict[int, int] = {}
        settled: dict[int, float] = {}
        waiting: list[tuple[float, int]] = []
        row, so_far = first, 0.0
        while True:
            for column, cost in (*self._costs[row].items(), (-1 - row, self._unassigned)):
                reduced = cost - self._row_price.get(row, 0.0) - self._column_price.get(column, 0.0)
                length = so_far + reduced
                if column not in settled and length < distance.get(column, float("inf")):
                    distance[column] = length
                    came_from[column] = row
                    heapq.heappush(waiting, (length, column))
            while waiting[0][1] in settled:
                heapq.heappop(waiting)
            so_far, column = heapq.heappop(waiting)
            settled[column] = so_far
            if column not in self._row_of:
                break
            row = self._row_of[column]
        self._reprice(first, settled, so_far)
        self._exchange(first, column, came_from)

    def _reprice(self, first: int, settled: Mapping[int, float], shortest: float) -> None:
        self._row_price[first] = self._row_price.get(first, 0.0) + shortest
        for column, length in settled.items():
            if column in self._row_of:
                row = self._row_of[column]
                self._row_price[row] = self._row_price.get(row, 0.0) + shortest - length
            self._column_price[column] = self._column_price.get(column, 0.0) - (shortest - length)

    def _exchange(self, first: int, column: int, came_from: Mapping[int, int]) -> None:
        while True:
            row = came_from[column]
            before = self._column_of.get(row)
            self._row_of[column] = row
            self._column_of[row] = column
            if row == first or before is None:
                return
            column = before
