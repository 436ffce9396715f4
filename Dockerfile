# styletx in a container: the page and its API on port 7860. styletx/server/README.md says how to
# build and run it

# Debian's release is pinned, not one day of it, so that a new build has what was mended since. What
# decides how a picture looks are the Python packages, and those are pinned in constraints.txt.
FROM debian:bookworm-slim

# The user's number is fixed, so that folders of the host can be given to it
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --home-dir /cache --no-create-home --shell /usr/sbin/nologin styletx \
    && install --directory --owner styletx --group styletx /cache

# Who builds may name another place of packages, such as that of torch without CUDA
ARG PIP_EXTRA_INDEX_URL

# Before the sources, whose changes then install nothing anew. The pins are those of Python 3.11 on
# x86-64, made by: python3.11 -m venv /tmp/new && /tmp/new/bin/pip install -r requirements.txt
# && /tmp/new/bin/pip freeze --all --exclude pip > constraints.txt
WORKDIR /app
COPY requirements.txt constraints.txt ./
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir -r requirements.txt -c constraints.txt

COPY README.md LICENSE app.py ./
COPY assets assets/
COPY styletx styletx/

# All that is written goes to /cache, so that the rest may be read-only
ENV PATH="/opt/venv/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_SERVER_PORT=7860 \
    GRADIO_ANALYTICS_ENABLED=False \
    GRADIO_TEMP_DIR=/cache \
    HOME=/cache \
    TMPDIR=/cache
EXPOSE 7860
VOLUME /cache
USER 1000:1000

# http.client, as urllib would ask a proxy that the environment names
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s --retries=3 CMD ["python", "-c", \
    "import http.client, os, sys; \
    app = http.client.HTTPConnection('127.0.0.1:' + os.environ['GRADIO_SERVER_PORT'], timeout=4); \
    app.request('GET', '/healthz'); \
    sys.exit(app.getresponse().status != 200)"]

# Without a shell, so that SIGTERM reaches Python, which gives out what is painted and ends in 3 s
CMD ["python", "app.py"]
