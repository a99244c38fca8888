"""An ``http`` connection as the archive's webhook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import BaseHook

from cxone_provider.hooks.supervisor import mask, mask_proxies

if TYPE_CHECKING:
    from cxone_provider.adapters.webhook import WebhookNotifier
    from cxone_provider.archive.ports import Clock


def archive_webhook(http_conn_id: str, clock: Clock) -> WebhookNotifier:
    """Return the webhook; nothing is sent yet.

    Args:
        http_conn_id: ``host`` with scheme, path in ``extra.endpoint``, ``password`` the signing secret.
        clock: for signatures and waits.

    Raises:
        InvalidSetting: a field cannot be used; the message shows no secret.
    """
    from cxone_provider.adapters.webhook import WebhookNotifier
    from cxone_provider.adapters.webhook_settings import webhook_settings

    fields = BaseHook.get_connection(http_conn_id)
    settings = webhook_settings(
        fields.host, fields.schema, fields.port, fields.login, fields.password, fields.extra_dejson
    )
    for secret in (*settings.secret.split(), *settings.headers.values()):
        mask(secret)
    mask_proxies(settings.proxies)
    return WebhookNotifier(settings, clock)
