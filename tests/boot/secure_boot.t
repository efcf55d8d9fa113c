#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Guarantee: with Secure Boot on, firmware refuses the image as it is built and starts the one that
# "make sign" made, which sees from inside that Secure Boot is on. Both in one boot: the stick with
# the unsigned image comes first, and when firmware has refused it, it goes on to the other.

# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=tests/lib/judge.sh
. tests/lib/judge.sh
# shellcheck source=tests/lib/boot.sh
. tests/lib/boot.sh

# The firmware of Debian and Ubuntu with a key in db that everybody has, and the word on it.
firmware=/usr/share/OVMF/OVMF_CODE_4M.snakeoil.fd
cert=/usr/share/ovmf/PkKek-1-snakeoil.pem
key=$boot_dir/snakeoil.key
if [ ! -f "$firmware" ]; then
	skip "Secure Boot" "there is no $firmware here"
	plan
fi
openssl rsa -in /usr/share/ovmf/PkKek-1-snakeoil.key -passin pass:snakeoil -out "$key" 2>"$key.err"

check "make sign" make --no-print-directory sign "B=$B" "KEY=$key" "CERT=$cert"
check "the signature is that of the certificate" sbverify --cert "$cert" "$B/smpoke-signed.efi"
refute "control: the image as it is built has none" 'No signature table present' \
	sbverify --cert "$cert" "$B/smpoke.efi"
refute "make sign without a key" 'needs KEY= and CERT=' make --no-print-directory sign "B=$B" CERT="$cert"

make_stick secure_off '--quick --suite check\n'
make_stick secure_on '--quick --suite check\n' startup.nsh "$B/smpoke-signed.efi"
status=0
boot secure_off --ovmf "$firmware" -- \
	-drive "if=none,id=second,format=raw,cache=writethrough,file=$boot_dir/secure_on.img" \
	-device usb-storage,bus=usb.0,drive=second,removable=on || status=$?
equal "the machine switched itself off" "$status" 0
match "firmware refused the unsigned image" "$(cat "$boot_dir/secure_off.log")" \
	'^BdsDxe: failed to load Boot.*: Access Denied'
equal "which left nothing on its stick" "$(runs_on secure_off)" ""
equal "last line" "$(console secure_off | tail -n 1)" "end status=0"
run=$(take secure_on)
judge_run "the results of the signed one" "${run:-nothing}" tcg 2 check '' ''
equal "from inside: Secure Boot is on" \
	"$(sed -n 's/^[^,]*,[^,]*,secure_boot,//p' "$run/machine.csv")" on
check "its stick is clean" stick_is_clean secure_on
plan
