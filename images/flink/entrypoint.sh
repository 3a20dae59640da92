#!/bin/bash
# Starts one process of a Flink session cluster, in the foreground:
#
#   jobmanager [HOST] [-D KEY=VALUE ...]     taskmanager [-D KEY=VALUE ...]     anything else: is run
#
# Arguments and variables are those of the official image, so that one manifest serves both. What is
# set counts in this order: -D, FLINK_PROPERTIES, the variables below, config.yaml. Other than there,
# nothing is written into conf/, so that all of them count with a ConfigMap too.
#
#   ENABLE_BUILT_IN_PLUGINS            jars of opt/ by name, with ";" between them
#   FLINK_PROPERTIES                   lines "key: value"; $NAME and ${NAME} are variables
#   JOB_MANAGER_RPC_ADDRESS            where the JobManager is; else config.yaml's, else this host
#   TASK_MANAGER_NUMBER_OF_TASK_SLOTS  slots of a TaskManager
#   DISABLE_JEMALLOC=true              glibc's malloc
#   FLINK_ENV_JAVA_OPTS, FLINK_ENV_JAVA_OPTS_JM, FLINK_ENV_JAVA_OPTS_TM, JAVA_HOME, FLINK_CONF_DIR, FLINK_LOG_DIR
set -euo pipefail

home=${FLINK_HOME:-/opt/flink}
export FLINK_CONF_DIR=${FLINK_CONF_DIR:-$home/conf} FLINK_LIB_DIR=$home/lib FLINK_PLUGINS_DIR=$home/plugins
java=${JAVA_HOME:+$JAVA_HOME/bin/}java

stop() {
    echo "entrypoint: $*" >&2
    exit 1
}

enable_plugins() {
    local names name folder
    IFS=';' read -ra names <<<"${ENABLE_BUILT_IN_PLUGINS:-}"
    for name in ${names[@]+"${names[@]}"}; do
        folder=$home/plugins/${name%.jar}
        [[ -e $home/opt/$name ]] || stop "there is no plugin $name in $home/opt: $(cd "$home/opt" && echo *.jar)"
        [[ ! -e $folder/$name ]] || continue
        mkdir -p "$folder" && ln -s "$home/opt/$name" "$folder/$name" ||
            stop "$home/plugins cannot be written: mount a volume there, or leave the root file system writable"
    done
}

# expanded TEXT: variables in it by their values, those that are not set by nothing.
expanded() {
    local rest=$1 done='' name
    while [[ $rest =~ \$(\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*)) ]]; do
        name=${BASH_REMATCH[2]}${BASH_REMATCH[3]}
        done+=${rest%%"${BASH_REMATCH[0]}"*}${!name-}
        rest=${rest#*"${BASH_REMATCH[0]}"}
    done
    echo "$done$rest"
}

trimmed() { sed -e 's/^[[:space:]]*//' -e 's/[[:space:]]*$//' <<<"$1"; }

# What the variables set, as -D arguments in `settings`.
read_variables() {
    local line
    settings=()
    [[ -z ${JOB_MANAGER_RPC_ADDRESS:-} ]] || settings+=(-D "jobmanager.rpc.address=$JOB_MANAGER_RPC_ADDRESS")
    [[ -z ${TASK_MANAGER_NUMBER_OF_TASK_SLOTS:-} ]] ||
        settings+=(-D "taskmanager.numberOfTaskSlots=$TASK_MANAGER_NUMBER_OF_TASK_SLOTS")
    while IFS= read -r line; do
        [[ $line == *:* ]] || continue
        settings+=(-D "$(trimmed "${line%%:*}")=$(trimmed "$(expanded "${line#*:}")")")
    done <<<"${FLINK_PROPERTIES:-}"
}

# What Flink's own arithmetic says of the memory (`memory` for Java, `derived` for Flink) and the settings that it read.
ask_flink() {
    local answer
    answer=$("$java" -cp "$home/bin/bash-java-utils.jar:$classpath" org.apache.flink.runtime.util.bash.BashJavaUtils \
        "GET_$1_RESOURCE_PARAMS" --configDir "$FLINK_CONF_DIR" "${@:2}" 2>&1) || {
        echo "$answer" >&2
        stop "Flink refuses its settings; see above"
    }
    mapfile -t result < <(sed -n 's/^BASH_JAVA_UTILS_EXEC_RESULT://p' <<<"$answer")
    [[ ${#result[@]} -ge 1 ]] || stop "Flink said nothing of its memory: $answer"
    read -ra memory <<<"${result[0]}"
    read -ra derived <<<"${result[1]:-}"
    loaded=$(sed -n 's/^.*Loading \(dynamic \)\{0,1\}configuration property: //p' <<<"$answer")
}

# setting KEY: its value as Flink read it, nothing if nobody set it.
setting() { sed -n "s/^${1//./\\.}, //p" <<<"$loaded" | tail -n 1; }

# by_default KEY VALUE: set it unless somebody has.
by_default() { [[ -n $(setting "$1") ]] || settings+=(-D "$1=$2"); }

# What Flink and its libraries reach into; a config.yaml of a ConfigMap seldom says so.
open_java() {
    local name
    open=(--add-exports=java.rmi/sun.rmi.registry=ALL-UNNAMED
        --add-exports=java.security.jgss/sun.security.krb5=ALL-UNNAMED)
    for name in java.lang java.lang.reflect java.io java.net java.nio sun.nio.ch java.text java.time java.util \
        java.util.concurrent java.util.concurrent.atomic java.util.concurrent.locks; do
        open+=("--add-opens=java.base/$name=ALL-UNNAMED")
    done
}

preload_jemalloc() {
    local library
    [[ ${DISABLE_JEMALLOC:-false} != true ]] || return 0
    for library in /usr/lib/*-linux-gnu/libjemalloc.so.2; do
        [[ ! -e $library ]] || export LD_PRELOAD=${LD_PRELOAD:+$LD_PRELOAD:}$library
    done
}

start() {
    local role=$1 main=$2 own=$3 words logging
    shift 3
    classpath=$(printf '%s:' "$home"/lib/*.jar)
    read_variables
    # Flink 2 knows no --host, and stops reading its arguments at the first that it does not know
    [[ $role == TM || ${1:--} == -* ]] || { settings+=(-D "jobmanager.rpc.address=$1"); shift; }
    ask_flink "$role" ${settings[@]+"${settings[@]}"} "$@"
    by_default jobmanager.rpc.address "$(hostname -f 2>/dev/null || hostname)"
    by_default blob.server.port 6124
    open_java
    words="${FLINK_ENV_JAVA_OPTS:-$(setting env.java.opts.all)} ${own:-$(setting "env.java.opts.$([[ $role == JM ]] && echo jobmanager || echo taskmanager)")}"
    read -ra words <<<"$words"
    logging=$FLINK_CONF_DIR/log4j-console.properties
    [[ -e $logging ]] || logging=$home/log4j-console.properties
    exec "$java" "${memory[@]}" "${open[@]}" -Dlog4j.configurationFile="file:$logging" \
        -Dlog.file="${FLINK_LOG_DIR:-$home/log}/flink-${role,,}-$(hostname).log" ${words[@]+"${words[@]}"} \
        -cp "$classpath" "$main" --configDir "$FLINK_CONF_DIR" \
        "${settings[@]}" ${derived[@]+"${derived[@]}"} "$@"
}

preload_jemalloc
enable_plugins
case ${1:-help} in
jobmanager)
    start JM org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint "${FLINK_ENV_JAVA_OPTS_JM:-}" "${@:2}"
    ;;
taskmanager)
    start TM org.apache.flink.runtime.taskexecutor.TaskManagerRunner "${FLINK_ENV_JAVA_OPTS_TM:-}" "${@:2}"
    ;;
help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0" ;;
*) exec "$@" ;;
esac
