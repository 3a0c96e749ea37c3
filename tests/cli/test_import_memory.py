"""A file is read, checked and sent piece by piece: its size does not show in memory."""

import tracemalloc
from pathlib import Path

from inventory_grpc.commands.transfer.batches import batches
from inventory_grpc.commands.transfer.plan import Plan
from inventory_grpc.commands.transfer.records import records
from inventory_grpc.commands.transfer.seen import Seen
from inventory_grpc.commands.transfer.source import opened
from tests.cli.files import plain_rows, write

GROWTH_BYTES_MAX = 256 * 1024


def test_ten_times_as_many_rows_need_no_more_memory(tmp_path: Path) -> None:
    small = _peak(write(tmp_path / "small.csv", plain_rows("SMALL", 5_000)))
    large = _peak(write(tmp_path / "large.csv", plain_rows("LARGE", 50_000)))
    assert large - small < GROWTH_BYTES_MAX


def _peak(file: Path) -> int:
    """Bytes, of reading and of making the batches."""
    tracemalloc.start()
    try:
        with opened(str(file)) as source, source.lines() as lines, Seen() as seen:
            plan = Plan(source, "csv", "products", "independent", "nowhere")
            read = records(lines, plan.kind, plan.required)
            sizes = [len(batch) for batch in batches(plan.entries(read, seen, 0))]
        assert sizes == [1_000] * (sum(sizes) // 1_000)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
