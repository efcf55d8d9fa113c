/* SPDX-License-Identifier: MIT */
#include "place.h"

#include "format.h"

const char *place_of(const struct machine_fault *fault, char buf[PLACE_BYTES])
{
	if (fault->module.text[0])
		format(buf, PLACE_BYTES, "%s+0x%lx", fault->module.text, fault->offset);
	else
		format(buf, PLACE_BYTES, "0x%lx", fault->ip);
	return buf;
}
