/* SPDX-License-Identifier: MIT */
/*
 * What a machine check means for the CPU that takes it.
 */
#ifndef EFI_MACHINE_CHECK_H
#define EFI_MACHINE_CHECK_H

#include "types.h"

/* Intel SDM vol. 3, 16.3; AMD has the same bits. */
#define MCG_STATUS_RIPV (1ull << 0) /* the interrupted code can go on */
#define MCI_STATUS_VALID (1ull << 63)
#define MCI_STATUS_OVERFLOW (1ull << 62) /* there was another one, which nobody has seen */
#define MCI_STATUS_UNCORRECTED (1ull << 61)
#define MCI_STATUS_PCC (1ull << 57) /* the state of the CPU may be wrong */

enum machine_check {
	MC_ELSEWHERE, /* another CPU's, all are told: go on */
	MC_CONTAINED, /* what was running cannot go on; the CPU can */
	MC_CORRUPT, /* nothing can be relied on */
};

/**
 * machine_check_judge() - pure
 * @status: of each bank
 * @ret_status: the bank that decided, 0 = none
 */
enum machine_check machine_check_judge(u64 mcg_status, const u64 *status, u32 nr, u64 *ret_status);

/* machine_check_take() - read the calling CPU's banks, and clear them unless it is MC_CORRUPT */
enum machine_check machine_check_take(u64 *ret_status);

#endif
