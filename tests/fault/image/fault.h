/* SPDX-License-Identifier: MIT */
/*
 * Planted faults of the UEFI image. An image has no environment, so PLANTED chooses one when it is
 * built: tests/boot/faults.t has an image for each.
 */
#ifndef SMPOKE_FAULT_H
#define SMPOKE_FAULT_H

#define FAULT_NO_MP_PROTOCOL 1 /* firmware without MP services */
#define FAULT_MP_REFUSED 2 /* firmware that does not start CPUs */
#define FAULT_AP_NEVER_ARRIVES 3 /* CPUs that were started and did not come */
#define FAULT_BENCH_HANGS 4 /* the fourth bench does not come back */
#define FAULT_MP_ONLY_WAITS 5 /* firmware that waits for its CPUs, and its timer meanwhile */
#define FAULT_FIRMWARE_DOES_HARM 6 /* firmware leaves CR4, the IDT and the stack's end changed */

#define fault(id) (PLANTED == FAULT_##id)

#endif
