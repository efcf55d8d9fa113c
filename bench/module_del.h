/* SPDX-License-Identifier: MIT */
/*
 * Benches of suite `module`: alternatives_smp_module_del() with many modules on the list that could
 * be switched once, before seed 0 and since.
 */
#ifndef SMPOKE_BENCH_MODULE_DEL_H
#define SMPOKE_BENCH_MODULE_DEL_H

#include "bench.h"

#define MODULE_DEL_NR_SERIES 1

struct module_del {
	u32 nr_modules;
	bool keep_nodes; /* before seed 0 */
};

extern const struct series module_del_series[MODULE_DEL_NR_SERIES];

/* run->bench->param is a struct module_del. */
int module_del_setup(struct bench_run *run);
int module_del_check(struct bench_run *run);
int module_del_sample(struct bench_run *run, u64 *values);
void module_del_teardown(struct bench_run *run);

#endif
