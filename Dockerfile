# Telltale in a container: the program and its configs, with everything installed from the hashed lock.
#
#   docker compose build                                     docker-compose.yml says how it is run
#   docker build --build-arg BASE=another/image -t telltale .     any image with a Python >= 3.11 that has venv
#   docker build --build-arg TORCH_INDEX=ADDRESS -t telltale .    torch from that package index, such as the one of its CPU wheels
#   docker build --target test -t telltale-test .            the same with the tools of the test suite
#
# At run time the program fetches nothing and writes only to /tmp and the mounted folders. Any user id works.
ARG BASE=python:3.11-slim-bookworm

# uv installs the packages. The image does not contain it. It is installed from its entry in the lock of the development tools.
FROM ${BASE} AS installer
COPY requirements-dev.lock /opt/
RUN python3 -m venv /opt/uv \
 && sed -n '/^uv==/,/[^\\]$/p' /opt/requirements-dev.lock > /opt/uv.txt \
 && /opt/uv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /opt/uv.txt

FROM ${BASE} AS packages
ENV PATH=/opt/telltale/bin:$PATH VIRTUAL_ENV=/opt/telltale PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1

# The packages are a layer of their own, which changes only with the locks. Byte code is compiled now, because the root is
# read-only later. No download cache is kept, because the layer itself is the cache.
# TORCH_INDEX: torch and torchvision come from that index, in the lock's versions and without the CUDA libraries. The lock's
# hashes are not used for them, because the files differ. This is not tested: its author could reach no such index.
ARG TORCH_INDEX=
COPY requirements.lock /opt/
RUN --mount=type=bind,from=installer,source=/opt/uv,target=/opt/uv \
    python3 -m venv --without-pip /opt/telltale \
 && lock=/opt/requirements.lock uv="/opt/uv/bin/uv pip install --no-cache --compile-bytecode" \
 && if [ -n "$TORCH_INDEX" ]; then \
      awk '/^[a-z]/ { keep = $0 !~ /^(torch|torchvision|triton|(cuda|nvidia)-[a-z0-9-]+)==/ } keep' $lock > /opt/others.lock \
   && UV_DEFAULT_INDEX=$TORCH_INDEX $uv --no-deps $(grep -oE '^(torch|torchvision)==[^ ;]+' $lock) \
   && lock=/opt/others.lock; \
    fi \
 && $uv --no-deps --require-hashes -r $lock

# librosa compiles its kernels on first use, which takes 20 seconds. They are compiled here once. A container gets a writable
# copy, since another processor needs other kernels. The copy is deleted with the container.
ENV NUMBA_CACHE_DIR=/opt/numba
RUN python -c 'import librosa, numpy; librosa.feature.melspectrogram(y=numpy.zeros(4096))' && chmod -R a+rwX /opt/numba
VOLUME /opt/numba

# Libraries write their caches, settings and downloads to /tmp. USER and HOME replace the passwd entry, which an arbitrary user
# id does not have. Weights come from the folder mounted at /weights (`telltale fetch-weights`), never from a hub.
# OMP_WAIT_POLICY: waiting threads sleep instead of spinning, which is ten times faster in a container that shares its cores.
ENV HOME=/tmp USER=telltale XDG_CACHE_HOME=/tmp/cache MPLCONFIGDIR=/tmp/matplotlib \
    TORCH_HOME=/tmp/torch HF_HOME=/tmp/huggingface HYPOTHESIS_STORAGE_DIRECTORY=/tmp/hypothesis \
    HF_HUB_OFFLINE=1 NO_ALBUMENTATIONS_UPDATE=1 OMP_WAIT_POLICY=PASSIVE TELLTALE_WEIGHTS=/weights

FROM packages AS program
WORKDIR /app
COPY . .
RUN --mount=type=bind,from=installer,source=/opt/uv,target=/opt/uv \
    /opt/uv/bin/uv pip install --no-cache --offline --no-deps --no-build-isolation -e . \
 && python -m compileall -q src train.py predict.py \
 && chmod -R a+rX .
USER 1000:1000
ENTRYPOINT ["telltale"]
CMD ["--help"]

# The program with pytest, mypy, ruff and the other packages that the tests need.
FROM program AS test
USER 0:0
RUN --mount=type=bind,from=installer,source=/opt/uv,target=/opt/uv \
    /opt/uv/bin/uv pip install --no-cache --compile-bytecode --no-deps --require-hashes -r requirements-dev.lock
USER 1000:1000

# The last stage is the one that is built if none is named.
FROM program AS runtime
