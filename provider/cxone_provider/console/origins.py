"""Whose runs those were: the DAG of a run, as the manifest of a recording that it archived tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cxone_provider.archive.manifest import Manifest
from cxone_provider.console.caching import WeightedCache
from cxone_provider.console.reading import ArchiveReader

_RUNS_KEPT = 5_000
Sample = tuple[str, str | None]


class Origins:
    """Tells runs' DAGs, each asked for once.

    Args:
        fallback: the DAG of runs that archived nothing, or whose manifests do not tell.
    """

    def __init__(self, fallback: str) -> None:
        self._fallback = fallback
        self._known: WeightedCache[str] = WeightedCache(_RUNS_KEPT)

    def dag_ids(self, reader: ArchiveReader, samples: Mapping[str, str | None]) -> dict[str, str]:
        """Return the DAG of each run.

        Args:
            reader: of the archive.
            samples: names of runs, each with a recording that it archived, or None; one request for each new one.
        """
        unknown = {run: one for run, one in samples.items() if one is not None and not self._known.has((run, one))}
        manifests = reader.manifests(list(dict.fromkeys(unknown.values())))
        return {run: self._dag_id(run, one, manifests) for run, one in samples.items()}

    def _dag_id(self, run: str, sample: str | None, manifests: Mapping[str, Manifest]) -> str:
        if sample is None:
            return self._fallback
        return self._known.get((run, sample), lambda: self._told(run, manifests.get(sample)))

    def _told(self, run: str, manifest: Manifest | None) -> str:
        context = context_of(manifest)
        return str(context["dag_id"]) if context.get("run_id") == run else self._fallback


def context_of(manifest: Manifest | None) -> dict[str, Any]:
    """Return who archived, where all of it is told."""
    names = ("dag_id", "run_id", "task_id")
    context = {} if manifest is None else manifest.context
    if not all(isinstance(context.get(name), str) for name in names):
        return {}
    index = context.get("map_index")
    return {**{name: context[name] for name in names}, "map_index": index if isinstance(index, int) else -1}
