# syntax=docker/dockerfile:1
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /opt/careline
ENV PATH=/opt/careline/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# The dependencies are a layer of their own: it changes with the lock, not with our code.
COPY requirements.lock ./
RUN pip install --no-deps --require-hashes --only-binary :all: -r requirements.lock
# The wheel is built and compiled apart (docs/decisions/0016), with pinned tools that do not travel into the image.
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
COPY requirements-build.lock requirements-compile.lock ./
RUN python -m venv /opt/build && /opt/build/bin/pip install --no-deps --require-hashes --only-binary :all: \
    -r requirements-build.lock -r requirements-compile.lock
COPY pyproject.toml README.md LICENSE ./
COPY compiling compiling
COPY gateway gateway
COPY handlers handlers
RUN COMPILE_CARELINE=1 /opt/build/bin/pip wheel --no-deps --no-build-isolation --no-index --wheel-dir /wheels . \
    && pip install --no-deps --no-index /wheels/*.whl \
    && pip check \
    && careline --version | grep compiled

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin careline \
    && install -d -o careline -g careline /app /app/var
COPY --from=build /opt/careline /opt/careline
WORKDIR /app
COPY config config
ENV PATH=/opt/careline/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# Loopback is of no use inside a container; who may reach the port is said where it is published.
ENV CARELINE_HTTP__HOST=0.0.0.0
USER careline
VOLUME /app/var
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 CMD \
    ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/health/ready', timeout=4)"]
CMD ["careline", "run"]
