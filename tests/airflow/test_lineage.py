"""Lineage as OpenLineage's own classes and Airflow's own listener tell it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import jsonschema
import pendulum
import pytest
from openlineage.client.serde import Serde

from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.lineage import MAX_ROWS, lineage_of
from cxone_provider.archive.recording import Outcome
from cxone_provider.hooks.cxone import CXoneHook
from cxone_provider.hooks.lineage import report_archived
from cxone_provider.operators.openlineage import FACET, FACET_SCHEMA, lineage_facets
from cxone_provider.operators.recordings import StreamRecordingToS3Operator
from tests.airflow.conftest import AUDIO, BUCKET, PROJECT, Site
from tests.airflow.versions import HookLineageCollector

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]  # Airflow and its libraries warn each other

AT = pendulum.datetime(2026, 11, 23)
BASE_URL = "https://tenant.example.test:8443/some/path"
SCHEMA_FILE = PROJECT / "docs" / "lineage" / "1-0-0" / "CXoneRecordingsDatasetFacet.json"


def log_of(name: str, day: str = "2026-11-22", outcome: Outcome = Outcome.ARCHIVED, **fields: Any) -> AuditLog:
    known: dict[str, Any] = {
        "s3_uri": f"s3://vault/cxone/recordings/date={day}/{name}.mp3",
        "sha256": hashlib.sha256(name.encode()).hexdigest(),
        "total_bytes": 1000,
    }
    return AuditLog(name, outcome, AT, AT, **{**known, **fields})


def failed(name: str) -> AuditLog:
    return AuditLog(name, Outcome.FAILED, AT, AT)


def told(logs: list[AuditLog]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return inputs and outputs as they are sent."""
    lineage = lineage_facets(logs, BASE_URL)
    return [Serde.to_dict(one) for one in lineage.inputs], [Serde.to_dict(one) for one in lineage.outputs]


def valid(facet: dict[str, Any]) -> dict[str, Any]:
    """Return the facet, once its own schema took it."""
    document = json.loads(SCHEMA_FILE.read_text())
    assert facet["_schemaURL"].startswith(document["$id"])
    name = FACET_SCHEMA.rpartition("/")[2]
    jsonschema.validate(facet, {**document, "$ref": f"#/$defs/{name}"}, cls=jsonschema.Draft202012Validator)
    return facet


def test_a_day_is_one_data_set_on_each_side_and_a_recording_is_a_row() -> None:
    before = log_of("r3", outcome=Outcome.ALREADY_ARCHIVED)
    inputs, outputs = told([log_of("r2"), failed("r9"), log_of("r1"), before, log_of("late", "2026-11-20")])

    assert [(one["namespace"], one["name"]) for one in inputs] == [
        ("cxone://tenant.example.test:8443", "recordings/date=2026-11-20"),
        ("cxone://tenant.example.test:8443", "recordings/date=2026-11-22"),
    ]
    assert [(one["namespace"], one["name"]) for one in outputs] == [
        ("s3://vault", "cxone/recordings/date=2026-11-20"),
        ("s3://vault", "cxone/recordings/date=2026-11-22"),
    ]
    read, written = inputs[1]["inputFacets"]["inputStatistics"], outputs[1]["outputFacets"]["outputStatistics"]
    for statistics in (read, written):
        assert {name: statistics[name] for name in ("rowCount", "size", "fileCount")} == {
            "rowCount": 2, "size": 2000, "fileCount": 2,
        }  # fmt: skip
    facet = valid(outputs[1]["facets"][FACET])
    assert (facet["archived"], facet["alreadyArchived"], facet["sizeBytes"]) == (2, 1, 3000)
    assert [row["recording_id"] for row in facet["recordings"]] == ["r1", "r2", "r3"]
    assert facet["recordings"][0]["sha256"] == hashlib.sha256(b"r1").hexdigest()
    assert "schema" not in outputs[1]["facets"], "recordings have no columns"


def test_the_digest_can_be_computed_by_everybody() -> None:
    logs = [log_of("r2"), log_of("r1")]
    lines = "".join(f"{log.sha256}  {log.s3_uri}\n" for log in reversed(logs))
    _, [output] = told(logs)
    assert output["facets"][FACET]["digest"] == f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"


def test_ten_thousand_recordings_are_one_data_set_of_bounded_size() -> None:
    logs = [log_of(f"r{number:05}") for number in range(10_000)]
    inputs, [output] = told(logs)
    facet = valid(output["facets"][FACET])
    assert len(inputs) == 1
    assert len(facet["recordings"]) == MAX_ROWS
    assert facet["recordingsOmitted"] == 10_000 - MAX_ROWS
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 10_000
    assert len(json.dumps(output)) < 64 * 1024
    [same] = lineage_of(logs)
    [other] = lineage_of([*logs[:-1], log_of("r09999", sha256="0" * 64)])
    assert same.digest != other.digest, "it covers what is left out"


def test_nothing_archived_is_no_lineage() -> None:
    assert told([failed("r1")]) == ([], [])


def test_a_user_in_the_base_url_stays_out() -> None:
    [one] = lineage_facets([log_of("r1")], "https://me:hunter2@tenant.example.test").inputs
    assert one.namespace == "cxone://tenant.example.test"


def test_an_operator_that_has_not_run_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CXoneHook, "settings", SimpleNamespace(base_url=BASE_URL))
    operator = StreamRecordingToS3Operator(task_id="stream", plans=[], s3_bucket="vault")
    lineage = operator.get_openlineage_facets_on_complete(None)
    assert (lineage.inputs, lineage.outputs) == ([], [])


def test_plugins_that_read_hook_lineage_are_told_the_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.providers.common.compat import sdk

    collector = HookLineageCollector()  # type: ignore[no-untyped-call]  # Airflow's constructor has no types
    monkeypatch.setattr(sdk, "get_hook_lineage_collector", lambda: collector)
    hook = cast("CXoneHook", SimpleNamespace(settings=SimpleNamespace(base_url=BASE_URL)))
    report_archived(hook, [log_of(f"r{number}") for number in range(500)])
    collected = collector.collected_assets
    assert [one.asset.uri for one in collected.inputs] == [
        "cxone://tenant.example.test:8443/recordings/date=2026-11-22"
    ]
    assert [one.asset.uri for one in collected.outputs] == ["s3://vault/cxone/recordings/date=2026-11-22"]


class TestInAirflow:
    """A run whose events Airflow's own listener writes into a file."""

    RUN: ClassVar[str] = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.airflow.versions import parsed_dags\n"
        "dag = parsed_dags(Path(sys.argv[1])).dags['cxone_archive_recording']\n"
        "run = dag.test(logical_date=None, run_conf={'recording_id': sys.argv[2]})\n"
        "sys.exit(str(run.state) != 'success')\n"
    )

    @pytest.mark.server
    @pytest.mark.slow
    @pytest.mark.timeout(300)
    def test_the_listener_tells_what_the_stream_task_moved(self, site: Site, airflow_db: None, tmp_path: Path) -> None:
        call = AUDIO / "call-cbr32k-8k-id3v23.mp3"
        site.tenant.add_recording("call-1", call)
        events_file = tmp_path / "events.jsonl"
        transport = {"type": "file", "log_file_path": str(events_file), "append": True}
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(PROJECT / "provider"), str(PROJECT)]),
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
            "AIRFLOW__OPENLINEAGE__NAMESPACE": "voice",
        }
        command = [sys.executable, "-W", "ignore", "-c", self.RUN, str(PROJECT / "dags"), "call-1"]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=240)
        assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-4000:]

        raw = events_file.read_text()
        events = [json.loads(line) for line in raw.splitlines()]
        [complete] = [
            event for event in events if event["eventType"] == "COMPLETE" and event["job"]["name"].endswith(".stream")
        ]
        [source], [stored] = complete["inputs"], complete["outputs"]
        assert source["namespace"] == "cxone://" + site.tenant.base_url.removeprefix("http://")
        assert stored["namespace"] == f"s3://{BUCKET}"
        [row] = valid(stored["facets"][FACET])["recordings"]
        assert row["sha256"] == hashlib.sha256(call.read_bytes()).hexdigest()
        assert row["s3_uri"] == f"s3://{BUCKET}/{stored['name']}/call-1.mp3"
        assert stored["outputFacets"]["outputStatistics"]["rowCount"] == 1
        assert not [secret for secret in site.secrets if secret in raw]
        assert "/download/" not in raw
