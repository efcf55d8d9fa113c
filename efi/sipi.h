/* SPDX-License-Identifier: MIT */
/*
 * Starting a CPU without firmware: INIT, SIPI, and our own way from real mode. On request only: it
 * takes the CPU from firmware for good, so afterwards the machine can only be switched off.
 */
#ifndef EFI_SIPI_H
#define EFI_SIPI_H

#include "mp_services.h"
#include "percpu.h"

/* sipi_prepare() - a page below 1 MiB with the way in it. Return: EFI_SUCCESS, or why there is none
 */
EFI_STATUS sipi_prepare(mp_procedure entry);

/**
 * sipi_start() - one CPU; it runs @entry of sipi_prepare(), on a small stack of its own
 *
 * Context: boot CPU, in our state. Returns when the CPU has begun, or did not within a second.
 * Return: EFI_SUCCESS, EFI_TIMEOUT, EFI_OUT_OF_RESOURCES.
 */
EFI_STATUS sipi_start(struct percpu *pc);

#endif
