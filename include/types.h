/* SPDX-License-Identifier: MIT */
/*
 * Fixed-width types, the few macros every layer needs, and the error codes.
 *
 * Only freestanding headers of the compiler are used, so that core and bench mean the same thing
 * on the bare machine and in a process.
 */
#ifndef SMPOKE_TYPES_H
#define SMPOKE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

_Static_assert(sizeof(void *) == 8 && sizeof(long) == 8, "smpoke is written for the LP64 model");

#define force_inline inline __attribute__((always_inline))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define CACHE_LINE_BYTES 64
/* Two lines: the adjacent-line prefetcher of many cores drags in the neighbour. */
#define FALSE_SHARING_BYTES 128
#define PAGE_BYTES 4096ul

#define NSEC_PER_USEC 1000ull
#define NSEC_PER_MSEC 1000000ull
#define NSEC_PER_SEC 1000000000ull

/*
 * self_relative() - where a distance of 32 bits leads that is measured from its own place, as
 * tables have them
 *
 * By numbers: what is reached by a pointer into a table would lie in that table for the compiler,
 * and a libc that guards its memcpy() would end the program.
 */
static inline u8 *self_relative(const void *place)
{
	typedef s32 __attribute__((aligned(1), may_alias)) distance;

	return (u8 *)((u64)place + (u64)(s64) * (const distance *)place);
}

/* Code on the path from the #BP vector to its return: nothing in it may be patchable. */
#define noinstr __attribute__((noinline, section(".noinstr.text")))

/*
 * Error codes. Functions return 0 or the negative of one of these; error_name() in bench gives the
 * word. They are ours, and not libc's errno, because two machines must agree on them.
 */
enum error {
	ERR_INVAL = 1, /* an argument breaks the contract */
	ERR_NOMEM, /* no memory, or none within reach of the image */
	ERR_RANGE, /* a value does not fit: displacement, length, index */
	ERR_NOENT, /* no such file, volume or entry */
	ERR_EXIST, /* it is there already */
	ERR_NOSPC, /* the medium is full */
	ERR_ROFS, /* the medium cannot be written */
	ERR_IO, /* the medium failed, or gave back other bytes than were written */
	ERR_TIMEOUT, /* a deadline passed; the CPU or device is to be treated as lost */
	ERR_FAULT, /* the code that was run took a trap nobody expected */
	ERR_UNSUPPORTED, /* this machine cannot do it; the capability word says so */
	ERR_BUSY, /* somebody holds it: the lock, the CPU, the batch */
	ERR_PERM, /* wrong context: lock not held, interrupts off, from a trap */
	ERR_REFUSED, /* a rule is broken; the contract says where that is told */
	ERR_VERIFY, /* what was written did not read back */
	ERR_STOPPED, /* the patching engine stopped at an earlier timeout */
	ERR_CORRUPT, /* input is damaged or truncated */
	NR_ERRORS,
};

#endif
