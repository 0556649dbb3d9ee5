# Telltale in a container: the program, its configs and its tests, with everything installed from the hashed lock.
#
#   docker compose build                                     docker-compose.yml says how it is run
#   docker build --build-arg BASE=another/image -t telltale .     any image with a Python >= 3.11 that has venv
#
# Nothing is fetched at run time, nothing outside /tmp and the mounted folders is written, and any user id will do.
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE}

ENV PATH=/opt/telltale/bin:$PATH VIRTUAL_ENV=/opt/telltale PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1

# The packages are a layer of their own, which changes with the lock only. Byte code is compiled here because the root is
# read-only later; no download cache is kept, the layer is the cache. uv itself comes from its entry in the lock.
COPY requirements.lock /opt/
RUN python3 -m venv /opt/telltale \
 && sed -n '/^uv==/,/[^\\]$/p' /opt/requirements.lock > /opt/uv.txt \
 && pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /opt/uv.txt \
 && uv pip install --no-cache --compile-bytecode --require-hashes -r /opt/requirements.lock

# librosa compiles its kernels on first use, for 20 seconds. They are compiled here once; a container gets a copy that it may
# write to (another processor needs its own), which goes when the container goes.
ENV NUMBA_CACHE_DIR=/opt/numba
RUN python -c 'import librosa, numpy; librosa.feature.melspectrogram(y=numpy.zeros(4096))' && chmod -R a+rwX /opt/numba
VOLUME /opt/numba

WORKDIR /app
COPY . .
RUN uv pip install --no-cache --offline --no-deps --no-build-isolation -e . \
 && python -m compileall -q src train.py predict.py \
 && chmod -R a+rX .

# What libraries want to keep (fonts, settings, downloads) goes to /tmp; USER and HOME stand in for the passwd entry that
# an arbitrary user id has not. Weights come from the folder mounted at /weights (`telltale fetch-weights`), never from a hub.
# OMP_WAIT_POLICY: threads wait asleep, not spinning, so that a container that shares its cores stays ten times faster.
ENV HOME=/tmp USER=telltale XDG_CACHE_HOME=/tmp/cache MPLCONFIGDIR=/tmp/matplotlib \
    TORCH_HOME=/tmp/torch HF_HOME=/tmp/huggingface HYPOTHESIS_STORAGE_DIRECTORY=/tmp/hypothesis \
    HF_HUB_OFFLINE=1 NO_ALBUMENTATIONS_UPDATE=1 OMP_WAIT_POLICY=PASSIVE TELLTALE_WEIGHTS=/weights
USER 1000:1000
ENTRYPOINT ["telltale"]
CMD ["--help"]
