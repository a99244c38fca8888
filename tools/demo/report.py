"""What the demo shows at its end, read from where it lies: S3, the tenant's log, Airflow."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from tools.demo.tenant import Tenant

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MIB = 2**20
_STYLES = {"ARCHIVED": "green", "ALREADY_ARCHIVED": "cyan", "FAILED": "bold red"}
_CAUSE_CHARACTERS = 66


def run_documents(s3: S3Client, bucket: str, prefix: str, run_id: str) -> list[dict[str, Any]]:
    """Return the run's lines, one audit log per recording."""
    name = run_id.replace(":", "%3A").replace("+", "%2B") + ".jsonl"
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/runs/")
    keys = [item["Key"] for page in pages for item in page.get("Contents", []) if item["Key"].endswith(name)]
    if not keys:
        return []
    body = s3.get_object(Bucket=bucket, Key=keys[-1])["Body"].read()
    return [json.loads(line) for line in body.splitlines()]


def show_recordings(console: Console, documents: Sequence[Mapping[str, Any]], base: str) -> None:
    """Print a line per recording; objects are shown relative to `base`, an S3 URI."""
    table = Table(title=f"Recordings, objects under {base}", title_justify="left", box=None, padding=(0, 1))
    for name, right in (("recording", False), ("outcome", False), ("bytes", True), ("audio", True), ("took", True),
                        ("object, or why there is none", False)):  # fmt: skip
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    for one in documents:
        outcome = str(one["outcome"])
        duration_s = one.get("duration_s")
        table.add_row(
            str(one["recording_id"]),
            f"[{_STYLES.get(outcome, 'yellow')}]{outcome}[/]",
            f"{one['total_bytes']:,}" if one["success"] else "",
            "" if duration_s is None else _in_words(duration_s),
            f"{one['latency_ms']:,.0f} ms" if one["success"] else "",
            _where_or_why(one, base),
        )
    console.print(table)


def _in_words(duration_s: float) -> str:
    minutes, seconds = divmod(round(duration_s), 60)
    return f"{minutes} min {seconds:02} s"


def _where_or_why(document: Mapping[str, Any], base: str) -> str:
    if document["success"]:
        return str(document["s3_uri"]).removeprefix(base)
    error = document.get("error")
    if error is None:
        return "as the tenant says"
    text = f"{error['type']}: {error['message']}"
    return text if len(text) <= _CAUSE_CHARACTERS else text[:_CAUSE_CHARACTERS] + "…"


def show_totals(
    console: Console, documents: Sequence[Mapping[str, Any]], requests: Sequence[Mapping[str, Any]], seconds: float
) -> None:
    """Print outcomes, bytes, throughput, and what the tenant was asked."""
    outcomes = Counter(str(one["outcome"]) for one in documents)
    new = [one for one in documents if one["outcome"] == "ARCHIVED"]
    moved_bytes = sum(one["total_bytes"] for one in new)
    busy_s = _busy_s(new)
    console.print("\n[bold]Totals[/]")
    console.print("  " + ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items())))
    speed = f", {moved_bytes / _MIB / busy_s:,.1f} MiB/s while the stream task moved them" if busy_s else ""
    console.print(f"  {moved_bytes:,} bytes archived{speed}; the run took {seconds:.0f} s")
    asked = Counter(str(one["endpoint"]) for one in requests)
    sent_bytes = sum(one["bytes_sent"] or 0 for one in requests if one["endpoint"] == "media")
    console.print(
        f"  the tenant answered {asked['token']} token, {asked['metadata']} metadata and {asked['media']} media"
        f" requests ({sent_bytes:,} bytes of audio)"
    )
    struck = Counter(fault for one in requests for fault in one["faults"])
    if struck:
        console.print("  faults it put in the way: " + ", ".join(f"{n} {name}" for name, n in sorted(struck.items())))
    if documents and not new:
        console.print("  [cyan]every recording was archived by an earlier run: nothing was fetched again[/]")


def _busy_s(documents: Sequence[Mapping[str, Any]]) -> float:
    if not documents:
        return 0.0
    started = min(datetime.fromisoformat(one["started_at"]) for one in documents)
    finished = max(datetime.fromisoformat(one["finished_at"]) for one in documents)
    return (finished - started).total_seconds()


def show_evidence(console: Console, s3: S3Client, document: Mapping[str, Any]) -> None:
    """Print where one recording's manifest and audit trail lie, and what they say."""
    manifest = json.loads(_object(s3, str(document["manifest_uri"])))
    lines = _object(s3, str(document["audit_uri"])).splitlines()
    console.print(f"\n[bold]Evidence[/] of {document['recording_id']}")
    console.print(f"  manifest  {document['manifest_uri']}")
    for name in ("size_bytes", "sha256", "version_id", "proof", "archived_at", "provider_version"):
        console.print(f"            {name}: {manifest[name]}", highlight=False)
    audio = ", ".join(f"{name} {value}" for name, value in manifest["audio"].items() if value is not None)
    console.print(f"            audio: {audio}", highlight=False)
    console.print(f"  audit     {document['audit_uri']}: {len(lines)} lines, each with the hash of the one before")
    first = next(line for line in map(json.loads, lines) if line["event"] == "segment")
    last = json.loads(lines[manifest["audit"]["lines"] - 1])
    console.print(
        f"            segment {first['chunk_index']}: bytes {first['range']}, {first['status']},"
        f" attempts {first['attempts']}, signature {first['signature']}, sha256 {first['sha256'][:16]}…",
        highlight=False,
    )
    console.print(f"            {last['event']}: head {last['hash'][:16]}…", highlight=False)


def _object(s3: S3Client, uri: str) -> bytes:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def show_webhook(console: Console, tenant: Tenant) -> None:
    """Print what the receiver got."""
    deliveries = tenant.deliveries()
    console.print(f"\n[bold]Webhook[/]  {len(deliveries)} deliveries, signed by the Standard Webhooks scheme")
    for delivery in deliveries[:1]:
        headers = {name.lower(): value for name, value in delivery["headers"]}
        body = json.loads(delivery["body"])
        for name in ("x-stream-source", "webhook-id", "webhook-signature"):
            console.print(f"  {name}: {headers.get(name)}", highlight=False)
        shown = {name: body[name] for name in ("recording_id", "outcome", "success", "total_bytes", "chunks_processed")}
        console.print(f"  {json.dumps(shown)}", highlight=False)
