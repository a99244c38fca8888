"""What a run left in Airflow's database: sizes of tables, XCom, and when its tasks ran."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, create_engine, text

_TABLES = "SELECT relname, pg_total_relation_size(relid) FROM pg_stat_user_tables ORDER BY relname"
_XCOM = """
SELECT task_id, count(*), coalesce(sum(octet_length(value::text)), 0), coalesce(max(octet_length(value::text)), 0)
FROM xcom WHERE run_id = :run_id GROUP BY task_id ORDER BY 3 DESC
"""
_SPAN = """
SELECT extract(epoch FROM max(end_date) - min(start_date)) FROM task_instance
WHERE run_id = :run_id AND task_id LIKE 'batch.%'
"""
_WHOLE = "SELECT extract(epoch FROM end_date - start_date) FROM dag_run WHERE run_id = :run_id"
_TASKS = """
SELECT task_id, count(*), avg(duration), max(duration) FROM task_instance
WHERE run_id = :run_id GROUP BY task_id ORDER BY min(start_date)
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of Airflow's database: rows, and bytes with indexes and TOAST."""

    rows: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class XCom:
    """What one task of a run left in XCom: rows, bytes as JSON text, and the largest one of them."""

    task_id: str
    rows: int
    size_bytes: int
    largest_bytes: int


@dataclass(frozen=True, slots=True)
class Tasks:
    """How long a task's instances ran: how many, mean and longest."""

    task_id: str
    count: int
    mean_s: float
    longest_s: float


def _count(connection: Connection, table: str) -> int:
    return int(connection.execute(text(f'SELECT count(*) FROM "{table}"')).scalar_one())


class Figures:
    """Looks into the database.

    Args:
        database: ``user@host:port/database``.
    """

    def __init__(self, database: str) -> None:
        self._engine: Engine = create_engine(f"postgresql+psycopg2://{database}")

    def tables(self) -> Mapping[str, Table]:
        """Return every table that has rows."""
        with self._engine.connect() as connection:
            sizes = {str(name): int(size) for name, size in connection.execute(text(_TABLES))}
            rows = {name: _count(connection, name) for name in sizes}
        return {name: Table(rows[name], size) for name, size in sizes.items() if rows[name]}

    def xcom(self, run_id: str) -> Sequence[XCom]:
        """Return what a run left in XCom, the largest first."""
        with self._engine.connect() as connection:
            found = connection.execute(text(_XCOM), {"run_id": run_id})
            return [XCom(str(task), int(rows), int(size), int(largest)) for task, rows, size, largest in found]

    def tasks(self, run_id: str) -> Sequence[Tasks]:
        """Return how long a run's tasks ran, those that began first first; of a task that was tried again its last."""
        with self._engine.connect() as connection:
            found = connection.execute(text(_TASKS), {"run_id": run_id})
            return [Tasks(str(task), int(count), float(mean), float(most)) for task, count, mean, most in found]

    def batches_s(self, run_id: str) -> float:
        """Return seconds from the begin of a run's first batch to the end of its last."""
        return self._seconds(_SPAN, run_id)

    def whole_s(self, run_id: str) -> float:
        """Return seconds from a run's begin to its end."""
        return self._seconds(_WHOLE, run_id)

    def close(self) -> None:
        """Close its connections."""
        self._engine.dispose()

    def _seconds(self, query: str, run_id: str) -> float:
        with self._engine.connect() as connection:
            return float(connection.execute(text(query), {"run_id": run_id}).scalar_one())
