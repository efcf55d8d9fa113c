# SPDX-License-Identifier: MIT
#
# The fuzz targets, built twice: by clang with libFuzzer, which learns what reaches new code, for
# "make fuzz"; and by the compiler of everything else with tests/fuzz/replay.c, for "make test".

FUZZ = fuzz_alternatives fuzz_altinstr fuzz_locks fuzz_nops fuzz_options fuzz_queue fuzz_relocate
FUZZ_SECONDS ?= 60

FUZZ_QUEUE = queue_calls queue_model queue_trap
FUZZ_SIM = fuzz_alternatives fuzz_altinstr fuzz_locks fuzz_queue
FUZZ_OPTIONS = format options options_file options_text text

FUZZ_FLAGS = -std=gnu11 -O1 -g -MMD -MP -D_GNU_SOURCE -fPIE -pthread $(WARN) \
	-DSIM_TEXT_BYTES=8704 -DSIM_MAX_EVENTS=1 \
	$(INC) -Icore -Ibench -Itests/unit -Itests/fuzz

# $1 = folder of the programs, $2 = of their objects, $3 = further objects and archives
define fuzz_programs
$1/fuzz_queue: $(FUZZ_QUEUE:%=$2/%.o)
$(FUZZ_SIM:%=$1/%): $2/sim_machine.o $2/sim_stores.o
$(FUZZ:%=$1/%): $1/%: $2/%.o $3
endef

# ---- Replay ----

REPLAY_OBJ = $B/replay/obj

$(REPLAY_OBJ)/%.o: tests/fuzz/%.c | $B/.zydis
	@mkdir -p $(@D)
	$(Q)$(CC) $(FUZZ_FLAGS) $(SANITIZE) -c $< -o $@

$(REPLAY_OBJ)/%.o: tests/unit/%.c | $B/.zydis
	@mkdir -p $(@D)
	$(Q)$(CC) $(FUZZ_FLAGS) $(SANITIZE) -c $< -o $@

$(eval $(call fuzz_programs,$B/replay,$(REPLAY_OBJ),\
	$(REPLAY_OBJ)/replay.o $B/asan/libbench.a $B/asan/libcore.a))
$(eval $(call fuzz_programs,$B/fault/replay,$(REPLAY_OBJ),\
	$(REPLAY_OBJ)/replay.o $B/fault/fault_switch.o $B/fault-asan/libbench.a $B/fault-asan/libcore.a))

$(FUZZ:%=$B/replay/%) $(FUZZ:%=$B/fault/replay/%):
	@mkdir -p $(@D)
	$(Q)$(CC) $(FUZZ_FLAGS) $(SANITIZE) $(HOST_LINK) $(filter %.o,$^) $(filter %.a,$^) -o $@

test-programs: $(FUZZ:%=$B/replay/%) $(FUZZ:%=$B/fault/replay/%)

# ---- libFuzzer ----

FUZZ_CC = clang
F = $B/fuzz
FUZZ_SANITIZE = -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all

$F/core/%.o: core/%.c | $B/.zydis $B/.deps-fuzz
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(FREE) -fPIE $(FUZZ_SANITIZE) $(WARN) $(INC) $(NOINSTR) -Icore -c $< -o $@

$F/bench/%.o: bench/%.c | $B/.zydis $B/.deps-fuzz
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(FREE) -fPIE $(FUZZ_SANITIZE) $(WARN) $(INC) -Ibench -c $< -o $@

# The decoder is not under test: to learn its code would take all the time.
$F/zydis/%.o: $B/.zydis tools/zydis-mem.h | $B/.deps-fuzz
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(FREE) -fPIE -fsanitize=address $(ZYDIS_DEF) $(ZYDIS_INC) -I$(ZYDIS)/src \
		-include tools/zydis-mem.h -c $(ZYDIS)/src/$*.c -o $@

$F/obj/%.o: tests/fuzz/%.c | $B/.zydis $B/.deps-fuzz
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(FUZZ_FLAGS) $(FUZZ_SANITIZE) -c $< -o $@

$F/obj/%.o: tests/unit/%.c | $B/.zydis $B/.deps-fuzz
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(FUZZ_FLAGS) $(FUZZ_SANITIZE) -c $< -o $@

$(eval $(call archive,$F,core,$(CORE:%=$F/core/%.o) $(ZYDIS_C:%=$F/zydis/%.o)))
$(eval $(call archive,$F,bench,$(FUZZ_OPTIONS:%=$F/bench/%.o)))
$(eval $(call fuzz_programs,$F,$F/obj,$F/libbench.a $F/libcore.a))

$(FUZZ:%=$F/%):
	$(Q)$(FUZZ_CC) $(FUZZ_FLAGS) -fsanitize=fuzzer,address,undefined $(HOST_LINK) \
		$(filter %.o,$^) $(filter %.a,$^) -o $@

.PHONY: fuzz fuzz-programs
fuzz-programs: $(FUZZ:%=$F/%)

fuzz:
	@$(MAKE) --no-print-directory $B/.deps-build $B/.deps-fuzz $B/.zydis
	@$(MAKE) --no-print-directory -j$$(nproc) fuzz-programs
	@BUILD=$B tests/fuzz/fuzz $(FUZZ_SECONDS) $(FUZZ)
