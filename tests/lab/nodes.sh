#!/usr/bin/env bash
# Lab nodes for tests: the lab's own parts, but one node at a time, so that nobody else's is touched.
#   nodes.sh LAB up             engine, package mirror and registry; says which of them it started
#   nodes.sh LAB fresh NUMBER   a new node pi-NUMBER (198.18.2.(10 + NUMBER)) in place of an old one
#   nodes.sh LAB remove NUMBER...
#   nodes.sh LAB inside NUMBER  the shell commands of stdin as root, past sshd and sudo
#   nodes.sh LAB stop NAME...   engine, mirror, registry
set -euo pipefail
LAB=$1 verb=$2
shift 2
for part in common build debs images nodes; do
    # shellcheck source=/dev/null
    source "$LAB/lib/$part.sh"
done

up() {
    local name
    for name in engine mirror registry; do running "$name" || echo "$name"; done
    mkdir -p "$NODES" "$LOGS"
    [[ -e $KEY ]] || ssh-keygen -q -t ed25519 -N '' -C fogbed-lab -f "$KEY"
    { engine_up; node_image; mirror_up; registry_up; } >&2
}

fresh() {
    local name=pi-$1 address=$NODE_PREFIX.$((10 + $1)) capabilities=() capability
    remove "$1"
    for capability in "${NODE_CAPABILITIES[@]}"; do capabilities+=(--cap-add "$capability"); done
    # as in the lab's nodes_up
    engine run -d --name "$name" --hostname "$name" --network fogbed-lab --ip "$address" --cgroupns private \
        --restart unless-stopped "${capabilities[@]}" --device-cgroup-rule "a *:* rwm" \
        --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined \
        --tmpfs /run --tmpfs /tmp:exec --volume "fogbed-lab-$name:/var/lib" fogbed-lab/node >/dev/null
    node_files "$address" "$name"
}

remove() {
    local number
    for number in "$@"; do
        engine rm -f "pi-$number" >/dev/null 2>&1 || true
        engine volume rm "fogbed-lab-pi-$number" >/dev/null 2>&1 || true
    done
}

case $verb in
up) up ;;
fresh) fresh "$1" ;;
remove) remove "$@" ;;
inside) engine exec -i "pi-$1" sh -es ;;
stop)
    for name in "$@"; do
        # the network goes with the engine, as `lab nodes down` does it
        if [[ $name == engine ]]; then engine network rm fogbed-lab >/dev/null 2>&1 || true; fi
        stop "$name"
    done
    ;;
esac
