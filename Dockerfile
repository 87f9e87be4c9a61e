# One image for all that is ours: the pipeline, load on another machine, the reference target. Its command is `proofload`.
#
#   docker build -t proofload .
#   docker run --rm proofload run peak --profile smoke        with a PostgreSQL of its own, as on any machine
#
# BASE: any image of Linux with glibc and Python 3.11 or later. Digests are those of the tags beside them.
ARG BASE=python:3.13-slim-bookworm@sha256:01f42367a0a94ad4bc17111776fd66e3500c1d87c15bbd6055b7371d39c124fb

FROM ${BASE} AS build
# Of a registry of your own; neither is in the image that comes of it.
ARG PIP_INDEX_URL
WORKDIR /source
COPY deploy/image/requirements.txt ./
RUN python -m venv /opt/proofload \
    && /opt/proofload/bin/python -m pip install --no-cache-dir --no-compile --require-hashes --only-binary :all: -r requirements.txt
COPY . .
# Compiled here, since its user can't write there; without the tests of others, which are a third of it, and what only a
# compiler or a type checker reads.
RUN /opt/proofload/bin/python -m pip install --no-cache-dir --no-compile --no-index --no-deps --no-build-isolation . \
    && /opt/proofload/bin/python -m pip uninstall --yes --quiet hatchling trove-classifiers pathspec pip \
    && find /opt/proofload/lib -type d -name tests -path '*/site-packages/*' -prune -exec rm -r {} + \
    && find /opt/proofload/lib -type f -regex '.*\.\(h\|a\|c\|cpp\|pyx\|pxd\|pyi\)' -delete \
    && /opt/proofload/bin/python -m compileall -q -j 0 /opt/proofload/lib

FROM ${BASE}
COPY --from=build /opt/proofload /opt/proofload
# A name, which initdb asks for; and folders that volumes take their owner from.
RUN echo 'proofload:x:1000:1000::/project:/bin/sh' >> /etc/passwd \
    && echo 'proofload:x:1000:' >> /etc/group \
    && mkdir -p /project /keys/database /keys/jwt /keys/join /keys/grafana \
    && chown -R 1000:1000 /project /keys
ENV PATH=/opt/proofload/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 1000:1000
# The project: a folder with systems of your own can be mounted there.
WORKDIR /project
ENTRYPOINT ["proofload"]
CMD ["--help"]
