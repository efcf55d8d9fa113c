/* SPDX-License-Identifier: MIT */
/*
 * Planted faults. A test build puts tests/fault/include before this folder and gets a fault() that
 * a test can switch on; in every other build it is the constant false and leaves no code behind.
 * The identifiers and the oracle that must catch each: docs/protocol.md, "Planted faults".
 */
#ifndef SMPOKE_FAULT_H
#define SMPOKE_FAULT_H

#define fault(id) false

#endif
