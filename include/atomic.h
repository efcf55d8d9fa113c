/* SPDX-License-Identifier: MIT */
/*
 * Atomic operations between CPUs.
 *
 * atomic_*() carry LOCK_PREFIX: they are patched to UP form and back with the rest of the program.
 * raw_atomic_*() always lock: for noinstr code, and for data that firmware's APs may touch.
 * Loads and stores are the compiler's __atomic builtins; x86 gives acquire and release for free,
 * the builtins keep the compiler from reordering. Every use names its partner.
 */
#ifndef SMPOKE_ATOMIC_H
#define SMPOKE_ATOMIC_H

#include "alternative.h"
#include "types.h"

#define load_relaxed(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define store_relaxed(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)

/* Return: the value before the addition. Full barrier in SMP form. */
static force_inline u32 atomic_fetch_add(u32 *p, u32 v)
{
	__asm__ volatile(LOCK_PREFIX "xaddl %0, %1" : "+r"(v), "+m"(*p) : : "memory", "cc");
	return v;
}

/* Return: true and *p == new when *p was old. Full barrier in SMP form. */
static force_inline bool atomic_try_cmpxchg(u32 *p, u32 old, u32 new)
{
	bool done;

	__asm__ volatile(LOCK_PREFIX "cmpxchgl %3, %1\n\tsete %0"
			 : "=qm"(done), "+m"(*p), "+a"(old)
			 : "r"(new)
			 : "memory", "cc");
	return done;
}

static force_inline u32 raw_atomic_fetch_add(u32 *p, u32 v)
{
	__asm__ volatile("lock xaddl %0, %1" : "+r"(v), "+m"(*p) : : "memory", "cc");
	return v;
}

static force_inline bool raw_atomic_try_cmpxchg(u32 *p, u32 old, u32 new)
{
	bool done;

	__asm__ volatile("lock cmpxchgl %3, %1\n\tsete %0"
			 : "=qm"(done), "+m"(*p), "+a"(old)
			 : "r"(new)
			 : "memory", "cc");
	return done;
}

static force_inline void raw_atomic_dec(u32 *p)
{
	__asm__ volatile("lock decl %0" : "+m"(*p) : : "memory", "cc");
}

#endif
