# An image of the command line: docker build -t vqrna . && docker run --rm -v "$PWD:/data" vqrna predict in.fa --out out
FROM python:3.12-slim AS build

WORKDIR /build
COPY pyproject.toml README.md LICENSE MANIFEST.in constraints.txt ./
COPY src src
COPY packaging packaging
RUN python -m venv /venv
# The default build of torch has gigabytes of CUDA; --build-arg TORCH_INDEX=URL takes that of another index (the
# installation page of PyTorch names the one for CPUs)
ARG TORCH_INDEX=
RUN /venv/bin/pip install --no-cache-dir -c constraints.txt ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch \
    && /venv/bin/pip install --no-cache-dir -c constraints.txt . \
    && /venv/bin/python packaging/man_pages.py /venv/share/man/man1

FROM python:3.12-slim

LABEL org.opencontainers.image.title="vqrna" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.description="RNA modification sites from sequence"
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH MPLCONFIGDIR=/tmp/matplotlib
RUN useradd --create-home --uid 1000 vqrna
USER 1000
WORKDIR /data
# Workflow tools replace the entry point by a shell: docker run --entrypoint bash
ENTRYPOINT ["vqrna"]
CMD ["--help"]
