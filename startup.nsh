# SPDX-License-Identifier: MIT
# What a UEFI shell runs on our stick. "startup.nsh --quick --cpus 2" hands its options on; without
# any, smpoke reads smpoke.cfg beside it.
@echo -off
for %i in 0 1 2 3 4 5 6 7 8 9
  if exist FS%i:\smpoke.efi then
    FS%i:
    goto FOUND
  endif
endfor
echo smpoke.efi was not found on FS0: to FS9:
goto END
:FOUND
smpoke.efi %1 %2 %3 %4 %5 %6 %7 %8 %9
:END
