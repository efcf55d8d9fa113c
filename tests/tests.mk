# SPDX-License-Identifier: MIT
#
# make test: tests/README.md says what is tested where.

TEST_FLAGS = -std=gnu11 -O1 -g -MMD -MP -D_GNU_SOURCE -fPIE -pthread $(WARN) $(SANITIZE) \
	-Iinclude -Icore -Ibench -Ihost -Itests/unit
TEST_LINK = $(HOST_LINK) $(SANITIZE)

# Archives, so that each test program takes what it needs and there is no list for each of them.
define archive
$1/lib$2.a: $3
	@rm -f $$@
	$$(Q)ar rcs $$@ $$^
endef

define archives
$(call archive,$1,core,$(CORE:%=$1/core/%.o) $(ZYDIS_C:%=$1/zydis/%.o))
$(call archive,$1,bench,$(BENCH:%=$1/bench/%.o))
$(call archive,$1,host,$(filter-out %/main.o,$(HOST:%=$1/host/%.o)))
endef

# The fault build: the same sources with a fault() that can be switched on, and with ASan.
$(eval $(call host_rules,$B/fault,-Itests/fault/include))
$(eval $(call host_rules,$B/fault-asan,-Itests/fault/include $(SANITIZE)))
$(eval $(call archives,$B/asan))
$(eval $(call archives,$B/fault-asan))
$B/fault/smpoke: $B/fault/fault_switch.o

$B/fault/fault_switch.o: tests/fault/fault_switch.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_FLAGS) $(WARN) -Itests/fault/include -Iinclude -c $< -o $@

# Nothing on the way to a test program is thrown away, or the next run would make it again.
.SECONDARY:

# The image by another compiler, with the same linker script: tests/boot/clang.t boots it.
CLANG = clang
CLANG_FLAGS = $(filter-out -maccumulate-outgoing-args,$(EFI_FLAGS))
$(eval $(call efi_rules,$B/clang,$(CLANG) $(CLANG_FLAGS),$B/clang/smpoke))

# Nothing is made: that it compiles for a target whose own convention is firmware's, and where an
# unsigned long is no UINTN, is the check. (Of a target that looks like Microsoft's own compiler,
# gnu-efi takes away every attribute.)
WINDOWS_SOURCES = $(EFI_C:%=efi/%.c)
.PHONY: check-windows
check-windows:
	$(Q)$(CLANG) --target=x86_64-pc-windows-gnu -fsyntax-only \
		$(filter-out -fpic -MMD -MP,$(CLANG_FLAGS)) $(WARN) -include tests/windows/types.h -Iinclude -Iefi \
		$(EFI_INC) $(WINDOWS_SOURCES)

# Images with one fault each, in one file; all else is the shipped image's.
IMAGE_FAULTS = NO_MP_PROTOCOL MP_REFUSED AP_NEVER_ARRIVES BENCH_HANGS MP_ONLY_WAITS \
	FIRMWARE_DOES_HARM
fault_in_FIRMWARE_DOES_HARM = firmware
fault_in_MP_REFUSED = mp_ladder
fault_in_MP_ONLY_WAITS = mp_ladder
fault_in_BENCH_HANGS = deadman
fault_in = $(or $(fault_in_$1),mp)

.SECONDEXPANSION:
$(IMAGE_FAULTS:%=$B/fault/efi/%.o): $B/fault/efi/%.o: efi/$$(call fault_in,$$*).c tests/fault/image/fault.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(EFI_FLAGS) $(WARN) -DPLANTED=FAULT_$* -Itests/fault/image -Iinclude -Iefi $(EFI_INC) \
		-c $< -o $@

$B/fault/efi/%.so: $B/fault/efi/%.o $B/smpoke.so
	$(Q)$(call efi_link,$< $(filter-out %/efi/$(call fault_in,$*).o,$(EFI_OBJ)))

$B/fault/efi/%.efi: $B/fault/efi/%.so
	$(Q)$(to_pe)

# ---- Unit tests: what they run on besides the sources under test ----

UNIT = $(basename $(notdir $(wildcard tests/unit/test_*.c)))
UNIT_SIM = test_insn test_queue test_queue_rules test_engine test_engine_stop test_smp_locks \
	test_text_poke test_fetch_model test_history test_relocate test_relocate_refused \
	test_module test_stop_states test_cpu_feature test_alternative test_alternative_random \
	test_alternative_reloc test_alternative_rules test_alternative_boot test_page_alloc \
	test_smp_altinstr test_smp_alt_modules test_smp_alt_switch test_static_key \
	test_static_key_rules test_static_call test_tracer test_image_patching test_cpu_hotplug \
	test_module_load
UNIT_HOST = test_int3 test_region test_toggle test_nops test_relocate_run test_region_places \
	test_stop_machine test_selftest test_alternative_run test_primitive test_imm_sites \
	test_lock_insn test_executor test_made
UNIT_EFI = test_apic test_conductor test_core_clock test_guard test_keys test_machine_check \
	test_mp_ladder test_mp_list test_paging test_screen test_topology
UNIT_FAKE = $(filter-out $(UNIT_SIM) $(UNIT_HOST) $(UNIT_EFI),$(UNIT))
UNIT_OBJ = $B/unit/obj

$(UNIT_OBJ)/%.o: tests/unit/%.c | $B/.deps-test
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_FLAGS) -c $< -o $@

# The sim machine has a fault of its own.
$B/fault/unit/obj/%.o: tests/unit/%.c | $B/.deps-test
	@mkdir -p $(@D)
	$(Q)$(CC) -Itests/fault/include $(TEST_FLAGS) -c $< -o $@

$(UNIT_OBJ)/%.S.o: tests/unit/%.S
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_FLAGS) -c $< -o $@

# What of efi/ needs no ring 0: firmware is the test's.
SCREEN = canvas code devices drawing font screen
TEST_EFI_FLAGS = -fshort-wchar -Iefi $(EFI_INC)
$(UNIT_EFI:%=$(UNIT_OBJ)/%.o): TEST_FLAGS += $(TEST_EFI_FLAGS)
$(UNIT_OBJ)/efi/%.o: efi/%.c | $B/.deps-test $B/.qrcodegen
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_FLAGS) $(TEST_EFI_FLAGS) -c $< -o $@

$(UNIT_OBJ)/efi/%.S.o: efi/%.S | $B/.deps-test
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_FLAGS) $(TEST_EFI_FLAGS) -c $< -o $@

$(UNIT_EFI:%=$B/unit/%): $B/unit/%: $(UNIT_OBJ)/%.o $(UNIT_OBJ)/efi/strings.o
$B/unit/test_guard: $(UNIT_OBJ)/efi/guard.o
$B/unit/test_machine_check: $(UNIT_OBJ)/efi/machine_check.o
$B/unit/test_mp_list: $(UNIT_OBJ)/efi/mp_list.o
$B/unit/test_topology: $(UNIT_OBJ)/efi/topology.o
$B/unit/test_core_clock: $(UNIT_OBJ)/efi/core_clock.o
$B/unit/test_conductor $B/unit/test_mp_ladder: $(patsubst %,$(UNIT_OBJ)/efi/%.o,mp_ladder mp_timer rungs conductor \
	switch.S ap_entry.S)
$B/unit/test_keys: $(UNIT_OBJ)/efi/keys.o $(UNIT_OBJ)/efi/devices.o

# With MSRs and CPUID of the test's own.
$(UNIT_OBJ)/test_apic.o $(UNIT_OBJ)/efi/apic.o: TEST_FLAGS := -Itests/unit/apic $(TEST_FLAGS)
$B/unit/test_apic: $(UNIT_OBJ)/efi/apic.o

$B/unit/test_screen: $(SCREEN:%=$(UNIT_OBJ)/efi/%.o) $(UNIT_OBJ)/qrcodegen.o

$(UNIT_OBJ)/qrcodegen.o: $B/.qrcodegen tools/qrcodegen-libc.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(BASE) $(SANITIZE) -fPIE -include tools/qrcodegen-libc.h \
		-c $(QRCODEGEN)/c/qrcodegen.c -o $@

# machine.csv of a build that nobody told its commit: linked before the archive, which has another.
$(UNIT_OBJ)/facts.o: bench/facts.c | $B/.deps-build
	@mkdir -p $(@D)
	$(Q)$(CC) $(FREE) -fPIE $(SANITIZE) $(WARN) -Iinclude -Ibench -DSMPOKE_COMMIT='"unknown"' \
		-c $< -o $@

# What stands in order in this file has to come out in order.
$(UNIT_OBJ)/alternative_sites.o: TEST_FLAGS += -fno-toplevel-reorder

define unit_programs
$(UNIT_SIM:%=$1/%): $1/%: $(UNIT_OBJ)/%.o $1/obj/sim_machine.o $(UNIT_OBJ)/sim_stores.o $3 $2/libcore.a
$1/test_module $1/test_module_load $1/test_stop_states $1/test_image_patching: \
	$(UNIT_OBJ)/sim_cpus.o
$(UNIT_HOST:%=$1/%): $1/%: $(UNIT_OBJ)/%.o $(UNIT_OBJ)/run_insn.S.o $3 $2/libbench.a $2/libcore.a \
	$2/libhost.a
$1/test_selftest: $(UNIT_OBJ)/selftest_code.S.o
$1/test_alternative_run: $(UNIT_OBJ)/alternative_sites.o $(UNIT_OBJ)/alternative_sites.S.o
$(UNIT_FAKE:%=$1/%): $1/%: $(UNIT_OBJ)/%.o $(UNIT_OBJ)/fake_machine.o $(UNIT_OBJ)/csv_read.o $(UNIT_OBJ)/facts.o \
	$3 $2/libbench.a $2/libcore.a

$(UNIT:%=$1/%):
	@mkdir -p $$(@D)
	$$(Q)$(CC) $(TEST_FLAGS) $(TEST_LINK) $$(filter %.o,$$^) \
		-Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group -lcmocka -o $$@
endef
$(eval $(call unit_programs,$B/unit,$B/asan,))
$(eval $(call unit_programs,$B/fault/unit,$B/fault-asan,$B/fault/fault_switch.o))

# ---- All of them ----

FAULT_UNIT = test_engine test_fetch_model test_history test_int3 test_nops test_queue \
	test_queue_rules test_smp_locks test_relocate test_relocate_run test_module \
	test_stop_machine test_stop_states test_selftest test_alternative test_alternative_rules \
	test_page_alloc test_smp_altinstr test_smp_alt_modules test_smp_alt_switch \
	test_static_key test_static_key_rules test_static_call test_tracer test_image_patching \
	test_cpu_hotplug test_module_load test_loop_cost test_runner_rows
TEST_PROGRAMS = $(UNIT:%=$B/unit/%) $(FAULT_UNIT:%=$B/fault/unit/%) $B/fault/smpoke \
	$(IMAGE_FAULTS:%=$B/fault/efi/%.efi) $B/clang/smpoke.efi

.PHONY: test test-programs
test-programs: image host $(TEST_PROGRAMS)

# What is to be installed comes first and alone: two package managers at once would fight.
test:
	@$(MAKE) --no-print-directory $B/.deps-build $B/.deps-run $B/.deps-test $B/.deps-report $B/.zydis $B/.qrcodegen
	@$(MAKE) --no-print-directory $B/.deps-browser || echo "no browser here: its test is a skip"
	@$(MAKE) --no-print-directory -j$$(nproc) test-programs
	@BUILD=$B tests/run

# Every machine of tests/boot/matrix.txt, and the boot tests that make test cuts short: half an hour.
KILLS ?= 20
.PHONY: matrix
matrix:
	@$(MAKE) --no-print-directory $B/.deps-build $B/.deps-run $B/.deps-test $B/.zydis $B/.qrcodegen
	@$(MAKE) --no-print-directory image $B/clang/smpoke.efi \
		$(IMAGE_FAULTS:%=$B/fault/efi/%.efi)
	@BUILD=$B MATRIX=1 KILLS=$(KILLS) CASES='$(CASES)' TEST_LIMIT_S=7200 tests/run tests/boot/matrix.t \
		tests/boot/resume.t tests/boot/kills.t tests/boot/clang.t
