/* SPDX-License-Identifier: MIT */
/*
 * What machine.csv says about this machine. A figure without its circumstances is worth nothing.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "host.h"
#include "x86.h"

struct sink {
	void (*emit)(void *ctx, const char *key, const char *value);
	void *ctx;
};

static void __attribute__((format(printf, 3, 4)))
fact(const struct sink *sink, const char *key, const char *fmt, ...)
{
	char value[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(value, sizeof(value), fmt, args);
	va_end(args);
	sink->emit(sink->ctx, key, value);
}

/* First line of a small file, or "unknown". */
static void read_line(const char *path, char *line, size_t size)
{
	FILE *file = fopen(path, "re");

	snprintf(line, size, "unknown");
	if (!file)
		return;
	if (fgets(line, (int)size, file))
		line[strcspn(line, "\n")] = 0;
	fclose(file);
}

/* Value of the first "key : value" line of /proc/cpuinfo. */
static void read_cpuinfo(const char *key, char *value, size_t size)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char *line = NULL;
	size_t room = 0;

	snprintf(value, size, "unknown");
	while (file && getline(&line, &room, file) > 0) {
		char *colon = strchr(line, ':');

		if (colon && !strncmp(line, key, strlen(key))) {
			snprintf(value, size, "%s", colon + 1 + (colon[1] == ' '));
			value[strcspn(value, "\n")] = 0;
			break;
		}
	}
	free(line);
	if (file)
		fclose(file);
}

static void cpu_brand(char text[49])
{
	struct cpuid_regs r[3];

	memcpy(text, "unknown", 8);
	if (cpuid(0x80000000, 0).eax < 0x80000004)
		return;
	for (u32 i = 0; i < 3; i++)
		r[i] = cpuid(0x80000002 + i, 0);
	memcpy(text, r, 48);
	text[48] = 0;
}

static void cpu_vendor(char text[13])
{
	struct cpuid_regs r = cpuid(0, 0);

	memcpy(text, &r.ebx, 4);
	memcpy(text + 4, &r.edx, 4);
	memcpy(text + 8, &r.ecx, 4);
	text[12] = 0;
}

/* Family and model as the vendors define them: the extended fields count only where they must. */
static void facts_signature(const struct sink *sink)
{
	u32 eax = cpuid(1, 0).eax;
	u32 family = eax >> 8 & 15, model = eax >> 4 & 15;

	if (family == 6 || family == 15)
		model |= (eax >> 16 & 15) << 4;
	if (family == 15)
		family += eax >> 20 & 255;
	fact(sink, "cpu_family", "%u", family);
	fact(sink, "cpu_model", "%u", model);
	fact(sink, "cpu_stepping", "%u", eax & 15);
}

static void fact_hypervisor(const struct sink *sink)
{
	struct cpuid_regs r;
	char text[13] = "none";

	if (cpuid(1, 0).ecx & 1u << 31) {
		r = cpuid(0x40000000, 0);
		memcpy(text, &r.ebx, 4);
		memcpy(text + 4, &r.ecx, 4);
		memcpy(text + 8, &r.edx, 4);
		text[12] = 0;
	}
	fact(sink, "hypervisor", "%s", text[0] ? text : "unnamed");
}

/*
 * rdtsc_ordered() relies on it. Intel's always is; AMD says so in CPUID, or the kernel made it so.
 */
static void fact_lfence(const struct sink *sink, const char *vendor)
{
	char flags[8192];
	bool yes = !strcmp(vendor, "GenuineIntel");

	if (cpuid(0x80000000, 0).eax >= 0x80000021 && cpuid(0x80000021, 0).eax & 1u << 2)
		yes = true;
	read_cpuinfo("flags", flags, sizeof(flags));
	if (strstr(flags, " lfence_rdtsc"))
		yes = true;
	fact(sink, "lfence_serialising", "%s", yes ? "yes" : "unknown");
}

static void facts_cpu(const struct sink *sink)
{
	char vendor[13], brand[49], microcode[64];

	cpu_vendor(vendor);
	cpu_brand(brand);
	read_cpuinfo("microcode", microcode, sizeof(microcode));
	fact(sink, "cpu_vendor", "%s", vendor);
	fact(sink, "cpu_brand", "%s", brand);
	facts_signature(sink);
	fact(sink, "cpu_microcode", "%s", microcode);
	fact_hypervisor(sink);
	fact_lfence(sink, vendor);
	fact(sink, "serialize_insn", "%s",
	     cpuid(0, 0).eax >= 7 && cpuid(7, 0).edx & 1u << 14 ? "yes" : "no");
}

/* "0-3,6": the kernel's numbers of our first @nr CPUs, which ascend. */
static void cpu_list(char *text, size_t size, u32 nr)
{
	size_t used = 0;

	text[0] = 0;
	for (u32 i = 0, first = 0; i < nr && used < size; i++) {
		u32 from = cpus_os_number(first), to = cpus_os_number(i);

		if (i + 1 < nr && cpus_os_number(i + 1) == to + 1)
			continue;
		used += (size_t)snprintf(text + used, size - used, from == to ? "%s%u" : "%s%u-%u",
					 used ? "," : "", from, to);
		first = i + 1;
	}
}

static void facts_cpus(const struct sink *sink)
{
	char list[400], path[96], governor[64];

	fact(sink, "nr_cpus_present", "%u", machine_nr_cpus_present());
	cpu_list(list, sizeof(list), machine_nr_cpus_present());
	fact(sink, "cpus_allowed_list", "%s", list);
	fact(sink, "nr_cpus_started", "%u", machine_nr_cpus());
	cpu_list(list, sizeof(list), machine_nr_cpus());
	fact(sink, "cpus_used_list", "%s", list);
	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/cpufreq/scaling_governor",
		 cpus_os_number(0));
	read_line(path, governor, sizeof(governor));
	fact(sink, "governor", "%s", governor);
}

static void facts_clock(const struct sink *sink)
{
	const struct clock_facts *clock = clock_facts();

	fact(sink, "tsc_hz", "%llu", (unsigned long long)machine_tsc_hz());
	fact(sink, "tsc_source", "%s", clock->exact ? "cpuid" : "measured");
	fact(sink, "tsc_hz_cpuid", "%llu", (unsigned long long)clock->cpuid_hz);
	fact(sink, "tsc_hz_measured", "%llu", (unsigned long long)clock->measured_hz);
	fact(sink, "tsc_spread_ppm", "%llu", (unsigned long long)clock->spread_ppm);
	fact(sink, "tsc_invariant", "%s",
	     machine_caps() & MACHINE_CAP_TSC_INVARIANT ? "yes" : "no");
}

static void facts_system(const struct sink *sink)
{
	struct utsname name;
	double load;

	if (!uname(&name))
		fact(sink, "kernel", "%s %s", name.sysname, name.release);
	if (getloadavg(&load, 1) == 1)
		fact(sink, "load_average_1min", "%.2f", load);
	fact(sink, "compiler", "%s", __VERSION__);
}

const char *machine_next_warning(void)
{
	return NULL;
}

void machine_for_each_fact(void (*emit)(void *ctx, const char *key, const char *value), void *ctx)
{
	struct sink sink = { .emit = emit, .ctx = ctx };

	facts_system(&sink);
	facts_cpu(&sink);
	facts_cpus(&sink);
	facts_clock(&sink);
	fact(&sink, "env", "%s", machine_env());
	fact(&sink, "alias_kind", "%s", alias_kind());
	fact(&sink, "sync_kind", "%s", sync_kind());
	fact(&sink, "sync_instruction", "%s", sync_core_name(machine_sync_core()));
	fact(&sink, "image_text", "%p", (void *)_stext);
	fact(&sink, "text_arena", "%p", (const void *)text_arena());
}
