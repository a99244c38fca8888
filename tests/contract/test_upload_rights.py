"""The two rights that SeaweedFS gives to whoever may put objects, on a server that tells them apart.

moto enforces the policies of its IAM users by the names of actions. It is asked for nothing else here: it takes other
names than S3 for some requests, and refuses signatures over keys with an equals sign.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto.core.authorization import enable_iam_authentication

from cxone_provider.adapters.s3 import S3Store, tuned_client_config
from cxone_provider.archive.errors import StoreRefused
from tests.conftest import PLAIN_BUCKET
from tests.contract.stores import AUDIO
from tests.contract.test_least_privilege import NOT_ENFORCED, POLICY
from tests.servers.moto import moto
from tools.servers.seaweedfs import S3Server

USES: dict[str, Callable[[S3Store, str, str], object]] = {
    "s3:AbortMultipartUpload": lambda store, key, upload_id: store.abort_upload(key, upload_id),
    "s3:ListMultipartUploadParts": lambda store, key, upload_id: store.parts(key, upload_id),
}


@dataclass(frozen=True)
class Account:
    """A bucket, its owner, and a worker who may do there what its policy says."""

    owner: S3Store
    worker: S3Store
    iam: Any

    @contextmanager
    def allowing(self, prefix: str, without: str = "") -> Iterator[S3Store]:
        """Lend the worker's store while the documented rights, but for one of them, are enforced."""
        policy = json.loads(POLICY.replace("archive/cxone", PLAIN_BUCKET + "/" + prefix.rstrip("/")))
        for statement in policy["Statement"]:
            statement["Action"] = [action for action in statement["Action"] if action != without]
        self.iam.put_user_policy(UserName="worker", PolicyName="archive", PolicyDocument=json.dumps(policy))
        with enable_iam_authentication():
            yield self.worker


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with moto(buckets=[PLAIN_BUCKET]) as server:
        iam = boto3.session.Session().client(
            "iam", endpoint_url=server.endpoint, region_name=server.region,
            aws_access_key_id=server.access_key, aws_secret_access_key=server.secret_key,
        )  # fmt: skip
        iam.create_user(UserName="worker")
        key = iam.create_access_key(UserName="worker")["AccessKey"]
        worker = S3Server(server.endpoint, key["AccessKeyId"], key["SecretAccessKey"]).client(tuned_client_config())
        owner = server.client()
        yield Account(S3Store(owner, PLAIN_BUCKET), S3Store(worker, PLAIN_BUCKET), iam)
        for client in (iam, worker, owner):
            client.close()


def test_each_right_that_seaweedfs_does_not_enforce_is_used_here() -> None:
    assert USES.keys() == NOT_ENFORCED


@pytest.mark.parametrize("action", sorted(USES))
def test_the_documented_rights_are_enough(account: Account, prefix: str, action: str) -> None:
    key = f"{prefix}recording"
    upload_id = account.owner.create_upload(key, AUDIO)
    with account.allowing(prefix) as store:
        USES[action](store, key, upload_id)


@pytest.mark.parametrize("action", sorted(USES))
def test_a_right_that_is_missing_is_named(account: Account, prefix: str, action: str) -> None:
    key = f"{prefix}recording"
    upload_id = account.owner.create_upload(key, AUDIO)
    with account.allowing(prefix, without=action) as store, pytest.raises(StoreRefused, match=action):
        USES[action](store, key, upload_id)
    assert not account.owner.parts(key, upload_id)


@pytest.mark.parametrize("action", sorted(USES))
def test_another_prefix_is_out_of_reach(account: Account, prefix: str, action: str) -> None:
    key = f"outside/{prefix}recording"
    upload_id = account.owner.create_upload(key, AUDIO)
    with account.allowing(prefix) as store, pytest.raises(StoreRefused):
        USES[action](store, key, upload_id)
