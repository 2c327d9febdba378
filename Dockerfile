# One image for every service: the flows and their workers, Prefect's server, the command line, the simulator.
ARG PYTHON=python:3.13.9-slim-bookworm

FROM ${PYTHON} AS packages
RUN pip install --no-cache-dir --root-user-action=ignore uv==0.13.9
WORKDIR /build
COPY pyproject.toml requirements.lock ./
# What the service needs of the lock, without the tools of its developers; a hash that is not in the lock stops the build.
RUN uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
      --no-emit-index-url -c requirements.lock pyproject.toml -o runtime.lock \
 && grep -o 'sha256:[0-9a-f]*' runtime.lock | sort -u > wanted && grep -o 'sha256:[0-9a-f]*' requirements.lock | sort -u > known \
 && test -z "$(comm -23 wanted known)" \
 && uv venv /venv && VIRTUAL_ENV=/venv uv pip install --no-cache --compile-bytecode --require-hashes -r runtime.lock
# Packages of one profile only, such as prefect-redis for `scale`; the lock still says which versions go with them.
ARG EXTRA_PACKAGES=""
RUN if [ -n "$EXTRA_PACKAGES" ]; then \
      grep -oE '^[A-Za-z0-9._-]+(\[[a-z,]+\])?==[^ ;]+' runtime.lock | sed 's/\[[^]]*\]//' > pins.txt \
      && VIRTUAL_ENV=/venv uv pip install --no-cache --compile-bytecode -c pins.txt $EXTRA_PACKAGES; \
    fi

FROM ${PYTHON}
ENV PATH=/venv/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DO_NOT_TRACK=1 PREFECT_SERVER_ANALYTICS_ENABLED=false PREFECT_CLI_PROMPT=false PREFECT_HOME=/data/prefect \
    PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS=false PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT=false
# Ranges of revisions are read by git.
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends git && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --create-home throughline \
 && mkdir -p /data /sources && chown throughline /data \
 && printf '#!/bin/sh\nexec python -m throughline "$@"\n' > /usr/local/bin/throughline \
 && chmod 755 /usr/local/bin/throughline
COPY --from=packages /venv /venv
WORKDIR /app
COPY deployments deployments
COPY flows flows
COPY review review
COPY simulator simulator
COPY storage storage
COPY tasks tasks
COPY throughline throughline
# Each run is a process of its own, and cannot keep what it compiles.
RUN python -m compileall -q .
USER throughline
VOLUME /data
# The worker's; services that answer elsewhere say where in HEALTH_URL.
HEALTHCHECK --interval=15s --timeout=5s --start-period=90s --retries=5 CMD ["python", "-m", "deployments.health"]
CMD ["sh", "-c", "exec prefect worker start --pool \"${THROUGHLINE_WORK_POOL:-throughline}\" --with-healthcheck"]
