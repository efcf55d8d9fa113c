/* SPDX-License-Identifier: MIT */
#include "machine_check.h"

#include "x86.h"

#define CPUID_EDX_MCA (1u << 14)
#define MSR_MCG_CAP 0x179
#define MSR_MCG_STATUS 0x17A
#define MSR_MC0_STATUS 0x401
#define MSRS_PER_BANK 4
#define MAX_BANKS 32

enum machine_check machine_check_judge(u64 mcg_status, const u64 *status, u32 nr, u64 *ret_status)
{
	const u64 bad = MCI_STATUS_VALID | MCI_STATUS_UNCORRECTED;
	enum machine_check verdict = mcg_status & MCG_STATUS_RIPV ? MC_ELSEWHERE : MC_CONTAINED;
	u32 i;

	*ret_status = 0;
	for (i = 0; i < nr; i++) {
		if ((status[i] & bad) != bad)
			continue;
		*ret_status = status[i];
		if (status[i] & (MCI_STATUS_PCC | MCI_STATUS_OVERFLOW))
			return MC_CORRUPT;
		verdict = MC_CONTAINED;
	}
	return verdict;
}

enum machine_check machine_check_take(u64 *ret_status)
{
	u64 status[MAX_BANKS];
	enum machine_check verdict;
	u32 nr, i;

	*ret_status = 0;
	if (!(cpuid(1, 0).edx & CPUID_EDX_MCA))
		return MC_CORRUPT;
	nr = rdmsr(MSR_MCG_CAP) & 0xFF;
	if (nr > MAX_BANKS)
		nr = MAX_BANKS;
	for (i = 0; i < nr; i++)
		status[i] = rdmsr(MSR_MC0_STATUS + i * MSRS_PER_BANK);
	verdict = machine_check_judge(rdmsr(MSR_MCG_STATUS), status, nr, ret_status);
	if (verdict == MC_CORRUPT)
		return verdict;
	for (i = 0; i < nr; i++)
		if (status[i] & MCI_STATUS_VALID)
			wrmsr(MSR_MC0_STATUS + i * MSRS_PER_BANK, 0);
	/* Last: one that comes before is a shutdown, and the banks must be free for it. */
	wrmsr(MSR_MCG_STATUS, 0);
	return verdict;
}
