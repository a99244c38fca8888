"""What looks at a list of recordings without archiving any: the list is handed to it, or it lists itself."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from airflow.providers.common.compat.sdk import Context

from cxone_provider.archive.errors import InvalidSetting
from cxone_provider.archive.listing import Selection, listed
from cxone_provider.operators import rendered
from cxone_provider.operators.listing import SOURCES, ListRecordingsOperator, Refs
from cxone_provider.operators.running import each_of


class ListedOperator(ListRecordingsOperator):
    """An operator about listed recordings.

    Args:
        recordings: what a task before this one listed, taken as it is; None to list by the other arguments.
    """

    def execute(self, context: Context) -> Any:
        """Return what is found out about the recordings."""
        with self.work(), self._given(context) as documents:
            return self.look_at(documents, context)

    def execute_complete(self, context: Context, event: Any = None, window: Any = None) -> Any:
        """Go on where a trigger has waited for the listing."""
        with self.work(), self._waited_for(context, event, window) as documents:
            return self.look_at(documents, context)

    @abstractmethod
    def look_at(self, documents: Iterable[Mapping[str, Any]], context: Context) -> Any:
        """Return the task's result; `documents` are refs, each recording once, read while they are listed and once."""

    def _given(self, context: Context) -> AbstractContextManager[Refs]:
        return self._refs(context) if rendered.given(self.recordings) is None else nullcontext(self._handed(context))

    def _handed(self, context: Context) -> Refs:
        # The task that listed has looked back already: no window cuts its list again.
        if rendered.given(self.manifest_uri) is not None:
            raise InvalidSetting("recordings and manifest_uri are both given", expected="one of them")
        if rendered.choice(self.source, "source", SOURCES) != SOURCES[0]:
            raise InvalidSetting("recordings is given", found=self.source, expected=f'source="{SOURCES[0]}"')
        return Selection(listed(each_of(self.recordings, context)), None)
