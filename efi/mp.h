/* SPDX-License-Identifier: MIT */
/*
 * Taking the other CPUs from firmware, and giving them back.
 */
#ifndef EFI_MP_H
#define EFI_MP_H

#include "percpu.h"
#include "types.h"

/* mp_init() - ask firmware how many CPUs there are; no CPU is touched */
void mp_init(void);

/* mp_release() - give our memory for them back; nothing unless mp_all_home() */
void mp_release(void);

/* mp_all_home() - is every CPU that we took back in firmware? */
bool mp_all_home(void);

/* How the CPUs were started: a word of machine_start_name() */
const char *mp_rung(void);

/* CPUs that firmware keeps from us: switched off in its set-up, or failed its own test */
u32 mp_nr_disabled(void);
u32 mp_nr_unhealthy(void);

/* Those by name, "none" when there are none */
const char *mp_refused(void);

/* Why there are fewer CPUs than the machine has; NULL when all came */
const char *mp_reason(void);

#endif
