"""What tasks import, imported once by the process that they are forked from.

A task is a process of its own: without this each one imports the data rules for itself, which is most of a small
batch's time.

==============  =======================================================================================================
LocalExecutor   the scheduler does it by itself when it starts, see :mod:`cxone_provider.preloading.plugin`;
                ``[cxone] preload = False`` switches it off
CeleryExecutor  name :mod:`cxone_provider.preloading.celery_worker` among the modules that the worker imports:
                ``[celery] extra_celery_config = {"imports": ["cxone_provider.preloading.celery_worker"]}``
==============  =======================================================================================================

Executors that start a new interpreter for each task have nothing to fork from.
"""
