/* SPDX-License-Identifier: MIT */
/*
 * Is there a device behind a console of firmware?
 */
#ifndef EFI_DEVICES_H
#define EFI_DEVICES_H

#include "firmware.h"

/**
 * device_exists() - does any device speak @protocol?
 * @front: what firmware puts in front of all of them, and is there without any, too
 */
bool device_exists(const EFI_GUID *protocol, EFI_HANDLE front);

#endif
