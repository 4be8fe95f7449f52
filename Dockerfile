# syntax=docker/dockerfile:1
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /opt/careline
ENV PATH=/opt/careline/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# The dependencies are a layer of their own: it changes with the lock, not with our code.
COPY requirements.lock ./
RUN pip install --no-deps --require-hashes --only-binary :all: -r requirements.lock
# The wheel is built apart, with pinned tools that do not travel into the image.
COPY requirements-build.lock ./
RUN python -m venv /opt/build && /opt/build/bin/pip install --no-deps --require-hashes -r requirements-build.lock
COPY pyproject.toml README.md LICENSE ./
COPY gateway gateway
COPY handlers handlers
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --no-index --wheel-dir /wheels . \
    && pip install --no-deps --no-index /wheels/*.whl \
    && pip check

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
