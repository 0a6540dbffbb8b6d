# A container that serves policies. It was written without a container engine at hand, and has not been built yet.
#
#   docker build -f scripts/serve.Dockerfile -t arena-serve .
#   docker run --rm -p 127.0.0.1:8000:8000 -v "$PWD/policies:/policies:ro" -v "$PWD/token:/run/secrets/token:ro" arena-serve /policies/a.onnx
FROM python:3.11-slim

COPY . /src
RUN pip install --no-cache-dir "/src[serve]" && rm -rf /src && useradd --system --create-home arena
USER arena
WORKDIR /home/arena
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=5)"]
ENTRYPOINT ["arena", "serve", "--host", "0.0.0.0", "--port", "8000", "--token-file", "/run/secrets/token"]
