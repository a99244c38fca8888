"""What looks at a list of recordings without archiving any: the list is handed to it, or it lists itself."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from airflow.providers.common.compat.sdk import Context

from cxone_provider.archive.errors import InvalidSetting
from cxone_provider.archive.listing import listed, select
from cxone_provider.operators import rendered
from cxone_provider.operators.listing import SOURCES, ListRecordingsOperator
from cxone_provider.operators.running import each_of


class ListedOperator(ListRecordingsOperator):
    """An operator about listed recordings.

    Args:
        recordings: what a task before this one listed, taken as it is; None to list by the other arguments.
    """

    def execute(self, context: Context) -> Any:
        """Return what is found out about the recordings."""
        if rendered.given(self.recordings) is None:
            return self.look_at(self._refs(context), context)
        with self.work():
            handed = self._handed(context)
        return self.look_at(handed, context)

    def execute_complete(self, context: Context, event: Any = None, window: Any = None) -> Any:
        """Go on where a trigger has waited for the listing."""
        return self.look_at(self._waited_for(context, event, window), context)

    @abstractmethod
    def look_at(self, documents: Sequence[Mapping[str, Any]], context: Context) -> Any:
        """Return the task's result; `documents` are refs, each recording once."""

    def _handed(self, context: Context) -> Sequence[Mapping[str, Any]]:
        # The task that listed has looked back already: no window cuts its list again.
        if rendered.given(self.manifest_uri) is not None:
            raise InvalidSetting("recordings and manifest_uri are both given", expected="one of them")
        if rendered.choice(self.source, "source", SOURCES) != SOURCES[0]:
            raise InvalidSetting("recordings is given", found=self.source, expected=f'source="{SOURCES[0]}"')
        documents: Iterable[Mapping[str, Any]] = listed(each_of(self.recordings, context))
        return select(documents, None).documents
