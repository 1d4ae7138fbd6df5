#!/usr/bin/env bash
# Makes the virtual environment of the peers that the benches are measured against.
# Usage: benches/peers/install.sh [DIR]   (default target/peers-venv)
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=${1:-target/peers-venv}
python=${POLYSTORE_PYTHON:-$(ls -d ~/.pyenv/versions/3.12.*/bin/python 2>/dev/null | head -1 || true)}
"${python:-python3}" -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check -r benches/peers/requirements.txt
"$venv/bin/pip" install --quiet --disable-pip-version-check polystore==0.6.3 ||
    echo "polystore 0.6.3 was not installed; its rows are left out" >&2
"$venv/bin/python" -c "import tifffile, zarr, tensorstore, ome_zarr, skimage; print('peers ready')"
