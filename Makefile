# SPDX-License-Identifier: MIT
#
# Every entry point of smpoke.
#
#   make run     boot it under QEMU/OVMF; results land in results/<run>/   SMP=2 ARGS="--quick" OVMF=
#   make test    build and pass all tests
#   make matrix  boot it on many machines: half an hour   CASES="names of tests/boot/matrix.txt"
#   make soak    the long test, on both machines: some minutes   SOAK_HOST= SOAK_QEMU= sites   SEED=
#   make fuzz    arbitrary input, by libFuzzer   FUZZ_SECONDS=60 for each target, FUZZ="fuzz_queue"
#   make report  build/report.html, one page with the figures of RUNS="results/..."
#   make compare A=results/... B=results/...   two runs side by side   FAIL=1: an error when slower
#   make host    build/host/smpoke, the same program as a Linux process
#   make image   build/smpoke.efi
#   make usb     build/smpoke.img, the image of a bootable stick
#   make sign KEY=file CERT=file   the same for Secure Boot: build/smpoke-signed.efi and .img
#   make screenshot   docs/screen.png, the end of a run in QEMU
#   make verify-method   the lock figures by a second method, side by side
#   make clean
#
# ZYDIS_SRC=/path/to/zydis uses a checkout of yours instead of the distribution's source package;
# so does QRCODEGEN_SRC.

SMP ?= 2
ARGS ?= --quick
OVMF ?=
QEMU_TIMEOUT ?= 300

# Make's own rules would be tried for every .d file that is included, and fail loudly.
MAKEFLAGS += --no-builtin-rules

CC = gcc
# V=1 shows whole commands.
Q = $(if $(V),,@printf '  %s\n' $@;)
OBJCOPY = objcopy
B = build
# Of "make compare", A and B are two runs.
ifeq ($(MAKECMDGOALS),compare)
run_b := $(if $(findstring command,$(origin B)),$B)
override B := build
endif
ZYDIS = $(or $(ZYDIS_SRC),$B/zydis)
QRCODEGEN = $(or $(QRCODEGEN_SRC),$B/qrcodegen)
GNU_EFI_INC = /usr/include/efi

CORE = alternative alternative_boot alternative_site alternative_table cpu_feature \
	cpu_hotplug image_patching insn insn_form insn_nop int3 module module_load nops \
	page_alloc relocate selftest sites smp_alt_modules smp_alt_nodes smp_altinstr smp_locks \
	smp_text_poke static_call static_key stop_machine text_map text_poke text_poke_queue \
	tracer
BENCH = all_cpus answers assemble bench cell change client contended cpu_picks csv draft \
	emulation executor facts fault_text flood floor format imm_sites line_holder lock_insn \
	loop_cost main menu module_del module_loading options options_file options_text others \
	pass_clock patched peaks peers picture primitive refused region region_locks \
	region_sequences region_sites results rows runner runner_rows screen stages stats \
	strategy stress suite_alternatives suite_check suite_clients suite_clock suite_emulate \
	suite_forms suite_hazard suite_hotplug suite_int3 suite_interfere suite_lock suite_module \
	suite_places suite_poke suite_primitives suite_propagation suite_protocols suite_queue \
	suite_queue_context suite_soak suite_strategy suite_switch suite_sync suite_victim suites \
	summary switch_time tags target text together toggle trapped_sites two_patchers victim
EFI_C = acpi alloc apic arena args away canvas clock code conductor console core_clock \
	cpu_look cpu_state cpus deadman devices drawing facts fatal files firmware font guard \
	identify idt image interrupt keys machine_check main memory mp mp_ladder mp_list mp_timer \
	nmi paging results rungs screen sipi smbios start state strings sync text time topology \
	trap_handlers volume
EFI_S = ap_entry catch selftest switch trampoline vectors
HOST = alias clock cpus facts files image interrupt machine main near noise own_text pages \
	results sync text traps
HOST_S = selftest
ZYDIS_C = Decoder DecoderData Encoder EncoderData Register SharedData Utils

WARN = -Wall -Wextra -Werror
BASE = -std=gnu11 -O2 -g -MMD -MP -fno-strict-aliasing -fcf-protection=none -mno-red-zone \
	-fno-stack-protector
# What core, bench and efi are built with: nothing of a libc, no vector registers in trap handlers.
FREE = $(BASE) -ffreestanding -U_FORTIFY_SOURCE -mgeneral-regs-only \
	-fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections
# A jump table in the path of #BP or of the sync would be a jump through data, which the check of
# those paths does not let pass.
NOINSTR = -fno-jump-tables
ZYDIS_DEF = -DZYAN_NO_LIBC -DZYDIS_STATIC_BUILD -DZYCORE_STATIC_BUILD -DZYDIS_DISABLE_FORMATTER
ZYDIS_INC = -isystem $(ZYDIS)/include -isystem $(ZYDIS)/dependencies/zycore/include
INC = -Iinclude $(ZYDIS_DEF) $(ZYDIS_INC)
EFI_FLAGS = $(FREE) -fpic -fvisibility=hidden -fshort-wchar -maccumulate-outgoing-args
# What is in nobody's time stamps: the image is to stay under 640 KB.
SMALL = -Os
EFI_INC = -DGNU_EFI_USE_MS_ABI -isystem $(GNU_EFI_INC) -isystem $(GNU_EFI_INC)/x86_64 \
	-isystem $(QRCODEGEN)/c
HOST_FLAGS = $(BASE) -D_GNU_SOURCE -fPIE -pthread
HOST_LINK = -pie -pthread -Wl,--defsym=_stext=_init
SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

.PHONY: all run screenshot soak usb sign compare report verify-method test host image install uninstall clean FORCE
.DELETE_ON_ERROR:
all: image host

# ---- What must be installed, and the sources of two libraries ----

$B/.deps-%: tools/install-deps
	@tools/install-deps $*
	@mkdir -p $B && touch $@

$B/.zydis $B/.qrcodegen: $B/.%: tools/fetch-source | $B/.deps-build
	@tools/fetch-source $* $B/$*
	@touch $@

# Which sources this is: changes only when the answer does, so that nothing else is built again.
$B/gen/commit.h: FORCE
	@mkdir -p $(@D)
	@printf '#define SMPOKE_COMMIT "%s"\n' \
		"$$(git describe --always --dirty --abbrev=12 2>/dev/null || echo unknown)" > $@.new
	@cmp -s $@ $@.new && rm $@.new || mv $@.new $@

# Only the file that writes it into machine.csv sees it.
commit_flag = $(if $(filter facts,$1),-include $B/gen/commit.h)

# ---- Machine 1: bare metal under UEFI ----

EFI_OBJ = $(call efi_objects,$B/efi)
efi_objects = $(CORE:%=$1/core/%.o) $(BENCH:%=$1/bench/%.o) $(EFI_C:%=$1/efi/%.o) \
	$(EFI_S:%=$1/efi/%.S.o) $(ZYDIS_C:%=$1/zydis/%.o) $1/qrcodegen.o
PE_SECTIONS = .text .rodata .data .relr .reloc

# Relocations take a bit each that way, and three words each otherwise.
efi_link = ld -nostdlib -shared -Bsymbolic --gc-sections --no-undefined -z noexecstack \
	-z pack-relative-relocs --hash-style=sysv --build-id=none -T efi/smpoke.lds $1 -o $@

# Without symbols, which would lie behind the last section, where nothing is to be in a signed file.
to_pe = $(OBJCOPY) --strip-all $(PE_SECTIONS:%=-j %) --target efi-app-x86_64 --subsystem=10 $< $@ && \
	tools/mark-nx $@

image: $B/smpoke.efi

# One set of rules for each compiler: $1 = folder, $2 = compiler and flags, $3 = the image's name.
define efi_rules
$1/core/%.o: core/%.c | $B/.zydis
	@mkdir -p $$(@D)
	$$(Q)$2 $(WARN) $(INC) $(NOINSTR) -Icore -c $$< -o $$@

$1/bench/%.o: bench/%.c | $B/.zydis $B/gen/commit.h
	@mkdir -p $$(@D)
	$$(Q)$2 $(SMALL) $(WARN) $(INC) -Ibench $$(call commit_flag,$$*) -c $$< -o $$@

$1/efi/%.o: efi/%.c | $B/.qrcodegen
	@mkdir -p $$(@D)
	$$(Q)$2 $(SMALL) $(WARN) $(NOINSTR) -Iinclude -Iefi $(EFI_INC) -c $$< -o $$@

$1/efi/%.S.o: efi/%.S | $B/.deps-build
	@mkdir -p $$(@D)
	$$(Q)$2 $(WARN) -Iinclude -Iefi -c $$< -o $$@

$1/zydis/%.o: $B/.zydis tools/zydis-mem.h
	@mkdir -p $$(@D)
	$$(Q)$2 $(SMALL) $(ZYDIS_DEF) $(ZYDIS_INC) -I$(ZYDIS)/src -include tools/zydis-mem.h \
		-c $(ZYDIS)/src/$$*.c -o $$@

$1/qrcodegen.o: $B/.qrcodegen tools/qrcodegen-libc.h
	@mkdir -p $$(@D)
	$$(Q)$2 $(SMALL) -include tools/qrcodegen-libc.h -c $(QRCODEGEN)/c/qrcodegen.c -o $$@

$3.so: $(call efi_objects,$1) efi/smpoke.lds
	$$(Q)$$(call efi_link,$(call efi_objects,$1))

$3.efi: $3.so tools/mark-nx
	$$(Q)$$(to_pe)
endef

$(eval $(call efi_rules,$B/efi,$(CC) $(EFI_FLAGS),$B/smpoke))

# ---- Machine 2: a Linux process ----

host_objects = $(CORE:%=$1/core/%.o) $(BENCH:%=$1/bench/%.o) $(HOST:%=$1/host/%.o) \
	$(HOST_S:%=$1/host/%.S.o) $(ZYDIS_C:%=$1/zydis/%.o)

host: $B/host/smpoke

# One set of rules for each way to build it: $1 = folder, $2 = further flags.
define host_rules
$1/core/%.o: core/%.c | $B/.zydis
	@mkdir -p $$(@D)
	$$(Q)$(CC) $(FREE) -fPIE $2 $(WARN) $(INC) $(NOINSTR) -Icore -c $$< -o $$@

$1/bench/%.o: bench/%.c | $B/.zydis $B/gen/commit.h
	@mkdir -p $$(@D)
	$$(Q)$(CC) $(FREE) -fPIE $2 $(WARN) $(INC) -Ibench $$(call commit_flag,$$*) -c $$< -o $$@

$1/host/%.o: host/%.c | $B/.deps-build
	@mkdir -p $$(@D)
	$$(Q)$(CC) $(HOST_FLAGS) $2 $(WARN) -Iinclude -Ihost -c $$< -o $$@

$1/host/%.S.o: host/%.S | $B/.deps-build
	@mkdir -p $$(@D)
	$$(Q)$(CC) $(HOST_FLAGS) $2 $(WARN) -Iinclude -Ihost -c $$< -o $$@

$1/zydis/%.o: $B/.zydis tools/zydis-mem.h
	@mkdir -p $$(@D)
	$$(Q)$(CC) $(FREE) -fPIE $(ZYDIS_DEF) $(ZYDIS_INC) -I$(ZYDIS)/src -include tools/zydis-mem.h \
		-c $(ZYDIS)/src/$$*.c -o $$@

$1/smpoke: $(call host_objects,$1) host/smpoke.lds
	$$(Q)$(CC) $(HOST_FLAGS) $2 $(HOST_LINK) -Wl,-T,host/smpoke.lds $$(filter %.o,$$^) -o $$@
endef

$(eval $(call host_rules,$B/host,))
$(eval $(call host_rules,$B/asan,$(SANITIZE)))

# ---- Run it ----

STICK = $B/smpoke.efi startup.nsh tools/make-disk tools/stick-volume tools/stick/readme.txt

usb: $B/smpoke.img

$B/smpoke.img: $(STICK) tools/stick/smpoke.cfg | $B/.deps-run
	tools/make-disk $@ $B/smpoke.efi startup.nsh tools/stick/smpoke.cfg
	@echo "$@: README.md says how to write it to a stick"

KEY ?=
CERT ?=

sign: $B/smpoke-signed.img
	@echo "$<: boots where the firmware's db has $(CERT), with Secure Boot on"

# Signed again each time: who knows with which key it was the last time.
$B/smpoke-signed.efi: $B/smpoke.efi FORCE | $B/.deps-sign
	@test -r "$(KEY)" && test -r "$(CERT)" || { echo "make sign: needs KEY= and CERT=," \
		"files with an RSA key and its X.509 certificate, both PEM"; exit 1; }
	$(Q)sbsign --key "$(KEY)" --cert "$(CERT)" --output $@ $<

$B/smpoke-signed.img: $B/smpoke-signed.efi $(STICK) tools/stick/smpoke.cfg | $B/.deps-run
	tools/make-disk $@ $< startup.nsh tools/stick/smpoke.cfg

$B/stick.img: $(STICK) $B/smpoke.cfg | $B/.deps-run
	tools/make-disk $@ $B/smpoke.efi startup.nsh $B/smpoke.cfg

# The options file of the stick: what a person would write into it.
$B/smpoke.cfg: FORCE
	@mkdir -p $(@D)
	@printf '# made by make run\n--menu 0\n%s\n' '$(ARGS)' > $@

run: $B/stick.img
	tools/run-qemu --image $B/stick.img --smp $(SMP) --timeout $(QEMU_TIMEOUT) \
		$(if $(OVMF),--ovmf $(OVMF)) --log $B/console.log
	tools/take-results $B/stick.img results
	@tail -n 1 $B/console.log | grep -qx 'end status=0' || \
		{ echo "make run: the run did not end well; see above and $B/console.log"; exit 1; }

$B/screenshot.img: $(STICK) | $B/.deps-run
	@printf -- '--menu 0 --quick --suite primitives,poke --batch 1,16,256 --no-store --look 60\n' \
		> $B/screenshot.cfg
	tools/make-disk $@ $B/smpoke.efi startup.nsh $B/screenshot.cfg

screenshot: $B/screenshot.img | $B/.deps-test
	tools/screenshot $< docs/screen.png

# The newest of each kind, unless told.
RUNS ?= $(foreach env,metal vm host tcg,$(lastword $(sort $(wildcard results/2*-$(env)))))

report: | $B/.deps-report
	@tools/report -o $B/report.html $(RUNS)

# The lock figures beside those of another program, which shares nothing with smpoke but the machine.
$B/two-lengths: tools/two-lengths.c | $B/.deps-build
	$(Q)$(CC) -std=gnu11 -O2 $(WARN) $< -o $@

verify-method: $B/host/smpoke $B/two-lengths
	@tools/verify-method $B/host/smpoke $B/two-lengths

compare: | $B/.deps-test
	@tools/compare $(if $(FAIL),--fail) $A $(run_b)

# ---- Install the host program ----

PREFIX ?= /usr/local
DESTDIR ?=
bin = "$(DESTDIR)$(PREFIX)/bin/smpoke"
man = "$(DESTDIR)$(PREFIX)/share/man/man1/smpoke.1"

install: host
	install -D -m 755 $B/host/smpoke $(bin)
	install -D -m 644 docs/smpoke.1 $(man)

uninstall:
	rm -f $(bin) $(man)

# ---- The long test ----

SOAK_HOST ?= 10000000
SOAK_QEMU ?= 100000
SEED ?=
soak_args = --quick --suite soak $(if $(SEED),--seed $(SEED)) --toggles

# Both run, whatever the first one says; each prints its seed and its summary.
soak: host image
	@mkdir -p $B/soak
	@status=0; \
	$B/host/smpoke $(soak_args) $(SOAK_HOST) --out $B/soak || status=1; \
	$(MAKE) --no-print-directory run QEMU_TIMEOUT=1800 \
		ARGS='$(soak_args) $(SOAK_QEMU)' || status=1; \
	exit $$status

include tests/tests.mk
include tests/fuzz/fuzz.mk

clean:
	rm -rf $B

-include $(shell find $B -name '*.d' 2>/dev/null)
