"""What a `cxone` connection says of the requests that archiving makes, without speaking to the tenant."""

from __future__ import annotations

from cxone_provider.archive.terms import Terms, terms_of


def terms_of_connection(cxone_conn_id: str) -> Terms | None:
    """Return dialect and quota, or None where there is no such connection.

    Raises:
        InvalidSetting: they make no sense.
    """
    from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

    try:
        connection = BaseHook.get_connection(cxone_conn_id)
    except AirflowNotFoundException:
        return None
    return terms_of(connection.extra_dejson)
