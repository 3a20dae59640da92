# Rendered by fogbed from testbed pico. Change the testbed's or the profile's file, not this one.
#
# What tc would be told on pico-1, for what its pods send to other nodes' pods. fogbed sends the
# same by netlink, may number the classes otherwise, holds it and takes it away; where a node's
# kernel has no netem it does the same in user space. As root, one stage after the other:
# sh pico-1.sh STAGE
#   1      before it runs: profile some
#   2      at 10s: network: edge -> cloud delay 50ms, rate 10mbit
#   3      at 20s: network back to the profile
#   clear  take it away
#
# Jitter is not in the lines: fogbed changes the delay in place, as the law of docs/network.md says.
#
# DEVICE is by which packets to other nodes' pods leave: flannel.1 unless it is set, with
# an MTU of 1450. ip route get POD, with a pod's address on another node, names it.
#
# The networks of the nodes' pods are ASSUMED: a cluster gives them away as nodes join.
# kubectl describe nodes | grep -E '^Name:|^PodCIDR:' has them, and fogbed render network
# --running writes this with what the running testbed has.
#   pico-0  10.244.0.0/24, its own: 10.244.0.0, 10.244.0.1
#   pico-1  10.244.1.0/24, its own: 10.244.1.0, 10.244.1.1
#   pico-2  10.244.2.0/24, its own: 10.244.2.0, 10.244.2.1
#   pico-3  10.244.3.0/24, its own: 10.244.3.0, 10.244.3.1
set -eu
: "${DEVICE:=flannel.1}"
case "${1:-}" in
  1)
    # to pico-0 (class 1): delay 5ms, jitter 1ms, rate 20mbit
    tc -batch - <<END
qdisc add dev $DEVICE root handle f06b: htb direct_qlen 1000
class add dev $DEVICE classid f06b:1 htb rate 20193096bit ceil 20193096bit burst 2524 cburst 2524 quantum 16384
qdisc add dev $DEVICE parent f06b:1 handle 4001: netem limit 203 delay 5ms rate 1000000000000bit
class add dev $DEVICE classid f06b:3 htb rate 1000000000000bit ceil 1000000000000bit burst 1073741824 cburst 1073741824 quantum 16384
qdisc add dev $DEVICE parent f06b:3 handle 4003: netem limit 8621 delay 0ms rate 1000000000000bit
class add dev $DEVICE classid f06b:4 htb rate 1000000000000bit ceil 1000000000000bit burst 1073741824 cburst 1073741824 quantum 16384
qdisc add dev $DEVICE parent f06b:4 handle 4004: netem limit 8621 delay 0ms rate 1000000000000bit
filter add dev $DEVICE parent f06b: protocol ip prio 1 handle 1: u32 divisor 256
filter add dev $DEVICE parent f06b: protocol ip prio 1 handle 1:0:1 u32 ht 1:0: match ip dst 10.244.0.0/31 flowid f06b:
filter add dev $DEVICE parent f06b: protocol ip prio 1 handle 1:2:1 u32 ht 1:2: match ip dst 10.244.2.0/31 flowid f06b:
filter add dev $DEVICE parent f06b: protocol ip prio 1 handle 1:3:1 u32 ht 1:3: match ip dst 10.244.3.0/31 flowid f06b:
filter add dev $DEVICE parent f06b: protocol ip prio 1 handle 800::1 u32 ht 800:: match ip src 10.244.1.0/31 flowid f06b:
filter add dev $DEVICE parent f06b: protocol ip prio 1 handle 1:0:c00 u32 ht 1:0: match ip dst 10.244.0.0/24 flowid f06b:1
filter add dev $DEVICE parent f06b: protocol ip prio 1 handle 1:2:c00 u32 ht 1:2: match ip dst 10.244.2.0/24 flowid f06b:3
filter add dev $DEVICE parent f06b: protocol ip prio 1 handle 1:3:c00 u32 ht 1:3: match ip dst 10.244.3.0/24 flowid f06b:4
filter add dev $DEVICE parent f06b: protocol ip prio 1 handle 800::401 u32 ht 800:: match ip dst 10.244.0.0/16 link 1: hashkey mask 0x0000ff00 at 16
END
    ;;
  2)
    # to pico-0 (class 1): delay 50ms, jitter 1ms, rate 10mbit
    tc -batch - <<END
class change dev $DEVICE classid f06b:1 htb rate 10096544bit ceil 10096544bit burst 1464 cburst 1464 quantum 16384
qdisc change dev $DEVICE parent f06b:1 handle 4001: netem limit 215 delay 50ms rate 1000000000000bit
END
    ;;
  3)
    # to pico-0 (class 1): delay 5ms, jitter 1ms, rate 20mbit
    tc -batch - <<END
class change dev $DEVICE classid f06b:1 htb rate 20193096bit ceil 20193096bit burst 2524 cburst 2524 quantum 16384
qdisc change dev $DEVICE parent f06b:1 handle 4001: netem limit 203 delay 5ms rate 1000000000000bit
END
    ;;
  clear)
    tc -batch - <<END
qdisc delete dev $DEVICE root handle f06b:
END
    ;;
  *)
    sed -n '/^#/p' "$0" >&2
    exit 2
    ;;
esac
