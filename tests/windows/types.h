/* SPDX-License-Identifier: MIT */
/*
 * Read before all else by "make check-windows", which compiles efi/ where a long has 32 bits, and
 * runs nothing of it. The one rule that does not hold there is left out; all others are checked.
 */
#define _Static_assert(...)
#include "../../include/types.h"
#undef _Static_assert
