/* SPDX-License-Identifier: MIT */
/* Facts about CPU and hypervisor that set-up needs before smpoke_main(). */
#ifndef EFI_FACTS_H
#define EFI_FACTS_H

#include "types.h"

/* identify_init() - silicon, a hypervisor, or an emulator? Fills the capability word. */
void identify_init(void);

/* hypervisor_signature() - 12 characters and NUL; empty on bare silicon */
const char *hypervisor_signature(void);

#endif
