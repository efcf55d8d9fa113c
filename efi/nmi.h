/* SPDX-License-Identifier: MIT */
/* NMIs held off the boot CPU while its own text is patched. */
#ifndef EFI_NMI_H
#define EFI_NMI_H

/**
 * nmi_stop(), nmi_restart() - mask the local APIC's own sources of NMIs, and as they were before
 *
 * Context: boot CPU, in pairs. Return: 0.
 */
int nmi_stop(void);
int nmi_restart(void);

#endif
