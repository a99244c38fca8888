"""What ``docs/kills.md`` says beside its figures."""

EXPLANATION = """\
# Kills

`make kills` starts a tenant, an S3 server with a versioned bucket, and one process after the other that plans, archives
and announces one recording with the adapters that a worker uses. Each process ends by SIGKILL at a named step, between
two bytes on its sockets or two calls of its resume journal; another one runs to the end. Where a request is *sent*, the
server has all of it and works on it while the process dies; *half sent* tears its body; what is *answered* has arrived,
and nobody knows of it.

Then a plain S3 client, and what tenant and receiver saw, must agree on all of this, or the case counts as broken:

- one version of the object and one of the manifest, and the object holds the tenant's bytes;
- the manifest says what is true, and the hash chain is whole and holds every head that the webhook told;
- no unfinished upload is left once the sweep has run;
- every delivery is signed, all of them under one `webhook-id`, and there is a receipt for it;
- of the media, no more was asked for again than the dead processes had in hand: **one part for each reader**;
- the last process ended `ARCHIVED` or `ALREADY_ARCHIVED`.

Seeds decide the recording's size (one Put, or 2 to 4 parts of 5 MiB and more), the size of its segments (256 KiB to
5 MiB), the number of readers (1 to 4), which of several equal requests is struck, and whether uploads are remembered in
a journal, which stands for Airflow's task state store, or in the audit trail.

The quick half, every step under one seed, is part of `make test` (`tests/kills/test_kills.py`). `make kills SEEDS=40`
is a night's worth. One case again: `python -m tests.kills --step 'part: sent' --seed 7 --seeds 1`.
"""
SIGTERM = """\
The process is at the step when the signal comes. It must not succeed and must leave no upload, without any sweep; the
next process then fetches the recording again."""
OVERTAKEN = """\
One process sleeps at the step until another one has archived and announced the recording, and then goes on: a task that
Airflow took for dead, beside its retry. Seven in ten share a journal, and so an upload. One of the two ends `ARCHIVED`,
the other one `ALREADY_ARCHIVED`; each may fetch everything."""
AT_ONCE = "Two processes, started at the same moment; each may fetch everything."
AIRFLOW = """\
`airflow standalone` with the LocalExecutor and the task state store; 30 MiB in 30 segments, parts of 5, two readers.
The signal strikes in mid-transfer, and Airflow's own retry ends the run. *supervisor* is the worker process above the
task's: killed alone, it leaves a task at work that Airflow takes for dead, beside its retry. SIGTERM costs the whole
transfer, because it cleans up."""
LIMITS = """\
## What this does not show
- Power failures: a killed process loses nothing of what it gave to the kernel, and the S3 server lives on.
- S3 itself. SeaweedFS and moto stand for it. SeaweedFS accepts conditional Completes of two uploads that come at the
  very same moment; there the archive's own order, kept in the audit trail, decides.
- Two workers under SSE-KMS, where a part that is stored twice gets two entity tags.
- Executors other than the LocalExecutor, and databases other than SQLite under Airflow.
"""
