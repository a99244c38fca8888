"""What must hold after the last try, found out from outside: by a plain S3 client, and from tenant and receiver."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pendulum
import standardwebhooks

from cxone_provider.adapters.clock import SystemClock
from cxone_provider.adapters.s3 import S3Store
from cxone_provider.archive.sweeping import sweep_uploads
from cxone_provider.archive.verifying import Verifier
from tests.kills.site import WEBHOOK_SECRET, Scene

SUCCESSES = ("ARCHIVED", "ALREADY_ARCHIVED")


class LaterClock(SystemClock):
    """The day on which the sweep takes what today's tries left."""

    def now(self) -> pendulum.DateTime:
        """Return the time three days ahead."""
        return super().now().add(days=3)


@dataclass(frozen=True, slots=True)
class Costs:
    """What the tries cost together beyond one undisturbed try.

    Attributes:
        bytes_again: bytes of segments that were asked for more than once.
        swept: unfinished uploads that the sweep removed.
        deliveries: how often the receiver was told.
    """

    bytes_again: int
    swept: int
    deliveries: int


def costs_of(scene: Scene) -> Costs:
    """Sweep as of a later day, and return what tenant, store and receiver have seen."""
    store = S3Store(scene.store.client, scene.store.bucket)
    swept = sum(one.problem is None for one in sweep_uploads(store, scene.layout, LaterClock()))
    asked_bytes = 0
    for request in scene.requests():
        first, _, last = str(request.header("Range")).removeprefix("bytes=").partition("-")
        asked_bytes += int(last) + 1 - int(first)
    return Costs(max(0, asked_bytes - scene.told.recording.size_bytes), swept, len(scene.deliveries()))


def problems_of(scene: Scene) -> Iterator[str]:
    """Yield what is not as it must be after the last try and the sweep."""
    yield from _object_problems(scene)
    yield from _announcement_problems(scene)
    left = unfinished_uploads(scene)
    if left:
        yield f"{left} unfinished uploads are left after the sweep"


def transfer_problems(scene: Scene, costs: Costs, deaths: int) -> Iterator[str]:
    """Yield whether more was fetched again than the tries that died had in hand: a part for each reader."""
    recording = scene.told.recording
    allowed_bytes = deaths * min(recording.concurrency * recording.layout.unit_bytes, recording.size_bytes)
    if costs.bytes_again > allowed_bytes:
        yield f"{costs.bytes_again} bytes were asked for again, more than a part for each reader ({allowed_bytes})"


def unfinished_uploads(scene: Scene) -> int:
    """Return how many multipart uploads of the recording are open."""
    listed = scene.store.client.list_multipart_uploads(Bucket=scene.store.bucket, Prefix=scene.told.prefix)
    return len(listed.get("Uploads", []))


def versions_of(scene: Scene) -> dict[str, list[str]]:
    """Return the version ids of every key; a delete marker counts as one."""
    found: dict[str, list[str]] = {}
    listed: dict[str, Any] = dict(
        scene.store.client.list_object_versions(Bucket=scene.store.bucket, Prefix=scene.told.prefix)
    )
    for one in (*listed.get("Versions", []), *listed.get("DeleteMarkers", [])):
        found.setdefault(one["Key"], []).append(one["VersionId"])
    return found


def _object_problems(scene: Scene) -> Iterator[str]:
    layout, recording_id = scene.layout, scene.told.recording_id
    media_key, manifest_key = layout.media_key(recording_id, None, "wav"), layout.manifest_key(recording_id)
    versions = versions_of(scene)
    for key in (media_key, manifest_key):
        if len(versions.get(key, [])) != 1:
            yield f"{key} has {len(versions.get(key, []))} versions"
            return
    manifest, source = json.loads(_read(scene, manifest_key)), scene.tenant.media_bytes(recording_id)
    if _read(scene, media_key) != source:
        yield f"{media_key} holds other bytes than the tenant"
    told = (manifest["sha256"], manifest["size_bytes"], manifest["s3_uri"], manifest["version_id"])
    true = (hashlib.sha256(source).hexdigest(), len(source), layout.uri(media_key), versions[media_key][0])
    if told != true:
        yield f"the manifest says {told}, and true is {true}"
    verifier = Verifier(S3Store(scene.store.client, scene.store.bucket), layout)
    heads = {json.loads(delivery.body)["audit_head"] for delivery in scene.deliveries()}
    for head in heads or {None}:
        problem = verifier.verify(recording_id, head).problem
        if problem is not None:
            yield f"the evidence does not hold: {problem}"


def _announcement_problems(scene: Scene) -> Iterator[str]:
    receiver = standardwebhooks.Webhook(WEBHOOK_SECRET)
    for delivery in scene.deliveries():
        receiver.verify(delivery.body, dict(delivery.headers))
    ids = {delivery.header("webhook-id") for delivery in scene.deliveries()}
    if len(ids) != 1:
        yield f"the receiver was told under {len(ids)} ids"
        return
    receipt_key = scene.layout.receipt_key(scene.told.recording_id)
    if receipt_key not in versions_of(scene):
        yield "there is no receipt"
    elif {json.loads(_read(scene, receipt_key))["webhook_id"]} != ids:
        yield f"the receipt is not for {ids}"


def _read(scene: Scene, key: str) -> bytes:
    return scene.store.client.get_object(Bucket=scene.store.bucket, Key=key)["Body"].read()
