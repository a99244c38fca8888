# Airflow with this provider, from the same pinned, hash-checked packages that the tests run.
# The official image is not the base: it brings its own versions, and what is deployed would not be what was tested.
ARG PYTHON_IMAGE=python:3.12.14-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
# Package indexes other than the usual one are build arguments; neither reaches the final image.
ARG PIP_INDEX_URL
ARG UV_DEFAULT_INDEX
WORKDIR /src
COPY constraints.txt pyproject.toml README.md LICENSE ./
RUN awk '/^uv==/ {on = 1} on {print} on && !/\\$/ {exit}' constraints.txt > /tmp/uv.txt \
    && pip install --no-cache-dir --no-deps --require-hashes --requirement /tmp/uv.txt
RUN uv venv --python python3 /opt/venv \
    && uv pip install --python /opt/venv/bin/python --no-cache --compile-bytecode \
       --require-hashes --constraints constraints.txt \
       --requirements pyproject.toml --group deployment --group install
COPY provider provider
RUN uv pip install --python /opt/venv/bin/python --no-cache --offline --no-deps --no-build-isolation .

FROM ${PYTHON_IMAGE}
# Root's group as primary: whatever user id an orchestrator assigns can write where Airflow writes.
RUN useradd --uid 50000 --gid 0 --create-home --home-dir /opt/airflow airflow \
    && mkdir -p /opt/airflow/dags /opt/airflow/plugins /opt/airflow/logs \
    && chown -R airflow:0 /opt/airflow && chmod -R g=u /opt/airflow
# What the official image has there, and the probes of the official Helm chart call: it runs its arguments.
RUN printf '#!/bin/sh\nexec "$@"\n' > /entrypoint && chmod 755 /entrypoint
COPY --from=build /opt/venv /opt/venv
COPY dags /opt/airflow/dags
ENV PATH=/opt/venv/bin:$PATH \
    AIRFLOW_HOME=/opt/airflow \
    PYTHONUNBUFFERED=1
USER airflow
WORKDIR /opt/airflow
CMD ["airflow", "version"]
