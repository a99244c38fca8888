"""The daily run's shape, with tasks that hand on what the real ones do and move nothing: what Airflow costs is left."""

from __future__ import annotations

import hashlib
import time
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, BaseOperator, task_group

from cxone_provider.operators.batches import Results, handed_over, in_batches
from cxone_provider.operators.running import each_of, share_of

BATCH_SIZE = 100
BYTES_OF_ONE = {"plan": 520, "audit-log": 720, "receipt": 200}
DIGESTS_OF_ONE = {"plan": 0, "audit-log": 2, "receipt": 1}


class ListBatches(BaseOperator):
    """Hand over as many batches of refs as the run was asked for, to as many tasks as share them in a daily run."""

    def execute(self, context: Any) -> Any:
        """Return the batches, or where they lie."""
        from benchmarks.generated import ref_of

        refs = map(ref_of, range(int(context["params"]["batches"]) * BATCH_SIZE))
        return handed_over(in_batches(refs, BATCH_SIZE), context)


class HandOn(BaseOperator):
    """Take batches, one after another, and hand on a document of a given kind for each of their recordings.

    What streams waits besides, as it would for its tenant, for as long as the run was asked to.
    """

    template_fields = ("documents",)

    def __init__(self, *, documents: Any, kind: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.documents = documents
        self.kind = kind

    def execute(self, context: Any) -> list[Any]:
        """Return the documents, or where they lie."""
        if self.kind == "audit-log":
            time.sleep(float(context["params"]["wait_s"]))
        results = Results(share_of(self.documents, "documents", context))
        for number, batch in enumerate(results.share):
            results.add(number, [_document(self.kind, one["recording_id"]) for one in batch])
        return results.returned


def _document(kind: str, name: str) -> dict[str, Any]:
    """Return a document as long as a real one, of which PostgreSQL can compress as little: digests differ."""
    digests = [hashlib.sha256(f"{kind}{number}{name}".encode()).hexdigest() for number in range(DIGESTS_OF_ONE[kind])]
    return {
        "recording_id": name,
        "of": kind,
        "digests": digests,
        "rest": "x" * (BYTES_OF_ONE[kind] - 64 * len(digests)),
    }


class CountAll(BaseOperator):
    """Read what all mapped tasks returned, as the check of a run does."""

    template_fields = ("documents",)

    def __init__(self, *, documents: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.documents = documents

    def execute(self, context: Any) -> int:
        """Return how many there are."""
        return sum(1 for _ in each_of(self.documents, context))


# A machine that is busy with other things answers a push too late, and Airflow then takes its repeat for a second one.
_PATIENT = {"retries": 2, "retry_delay": timedelta(seconds=2)}

with DAG("growth", schedule=None, params={"batches": 1, "wait_s": 0}, max_active_runs=1, default_args=_PATIENT):
    listed = ListBatches(task_id="list_recordings")

    @task_group
    def batch(recordings: Any) -> HandOn:
        """Three tasks for each batch."""
        validate = HandOn(task_id="validate", documents=recordings, kind="plan")
        stream = HandOn(task_id="stream", documents=validate.output, kind="audit-log")
        HandOn(task_id="notify", documents=stream.output, kind="receipt", trigger_rule="all_done")
        return stream

    logs = batch.expand(recordings=listed.output).output  # type: ignore[attr-defined]  # the stream task
    CountAll(task_id="check_run", documents=logs, trigger_rule="all_done")
