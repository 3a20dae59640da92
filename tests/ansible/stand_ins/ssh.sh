#!/bin/sh
# OpenSSH's client, as far as fogbed and Ansible use it. The machine at an address is the folder of
# that name; where there is none, it is off. A command runs on this computer with the machine's own
# programs and no other, so that it cannot change anything but that folder.
here=${0%/*}
printf '%s\n' "$*" >>"$here/ssh.log"
port=22
while getopts Ci:l:o:p:tv option; do
  case $option in
  o) test "${OPTARG#Port=}" = "$OPTARG" || port=${OPTARG#Port=} ;;
  p) port=$OPTARG ;;
  \?) exit 255 ;;
  esac
done
shift $((OPTIND - 1))
address=${1#*@}
shift
test "$1" != -- || shift
machine=$here/at/$address
if ! test -d "$machine"; then
  echo "ssh: connect to host $address port $port: Connection timed out" >&2
  exit 255
fi
cd "$machine/home" || exit 255
exec env -i LANG=C.UTF-8 USER=fog HOME="$machine/home" TMPDIR="$machine/tmp" PATH="$machine/bin" \
  /bin/sh -c "$*"
