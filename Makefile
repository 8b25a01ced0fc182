# Halcyon. `make help` lists what there is to type.
#
# Variables: IOMMU=vtd|amdvi|none CPUS=n MEM=size ACCEL=tcg|kvm APPEND="kernel command line"
#            QEMUEXTRA="…" BOOT=iso|uefi|kernel T=pattern SLOW=1 V=1 LLVM=1 WERROR=1 OPT=g DEBUG=1

B ?= build
.SUFFIXES: # what is built is said here
OPT ?= 2
.DEFAULT_GOAL := all
include tools/toolchain.mk

Q := $(if $(V),,@)
say = $(if $(V),@:,@printf '  %-6s %s\n' $(1) $(2))

CFLAGS_ALL := -std=gnu11 -O$(OPT) -g -Wall -Wextra -Wno-unused-parameter -Wno-unused-command-line-argument \
	$(if $(WERROR),-Werror) -ffreestanding -fno-pic -fno-pie -mno-red-zone -mgeneral-regs-only \
	-fno-omit-frame-pointer -fno-strict-aliasing -fno-asynchronous-unwind-tables -MMD -MP -I.
KCFLAGS := $(CFLAGS_ALL) -mcmodel=kernel -fstack-protector-strong -mstack-protector-guard=global \
	$(if $(DEBUG),-DDEBUG -fsanitize=undefined $(if $(LLVM),-fsanitize-trap=undefined,-fsanitize-undefined-trap-on-error))
UCFLAGS := $(CFLAGS_ALL) -fno-stack-protector
LDFLAGS_ALL := -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 \
	-Wl,-z,noexecstack $(if $(LLVM),,-Wl,--no-warn-rwx-segments)

KSRC := $(wildcard lib/*.c kernel/*.c kernel/*.S hal/*.c hal/*/*.c drivers/*.c tests/bench/*.c) \
	$(if $(WITHOUT_VMM),,$(wildcard vmm/*.c vmm/*.S)) $(if $(DEBUG),$(wildcard tests/kernel/*.c))
KOBJ := $(patsubst %,$(B)/%.o,$(KSRC))
KLDFLAGS := $(LDFLAGS_ALL) -Wl,-T,kernel/kernel.ld $(if $(DEBUG),$(foreach f,exit_handle grant_unmap grant_revoke release_device vm_left,-Xlinker --wrap=$f))

all: $(B)/halcyon.elf $(B)/fs.img $(B)/fsck

$(B)/%.c.o: %.c $(B)/.toolchain
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(if $(filter user/%,$<),$(UCFLAGS),$(KCFLAGS)) -c $< -o $@

$(B)/%.S.o: %.S $(B)/.toolchain
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(KCFLAGS) -c $< -o $@

# What programs share with the kernel is compiled a second time, for them.
$(B)/user/lib/%.c.o: lib/%.c $(B)/.toolchain
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(UCFLAGS) -c $< -o $@

# Linked twice: the names of the first image go into the second, behind all code.
define LINK
	$(call say,LD,$@)
	$(Q)$(CC) $(KLDFLAGS) $(filter %.o,$^) -o $@.1
	$(Q)$(NM) -n $@.1 | awk -f tools/ksyms.awk >$@.ksyms.S
	$(Q)$(CC) -c $@.ksyms.S -o $@.ksyms.o
	$(Q)$(CC) $(KLDFLAGS) $(filter %.o,$^) $@.ksyms.o -o $@
	$(Q)rm $@.1
endef
$(B)/halcyon.elf: $(KOBJ) kernel/kernel.ld tools/ksyms.awk
	$(LINK)

# User programs: one source each, and the library.
UPROG := init sh bench dmabench ls cat echo wc grep dd cmp sha256sum hexdump procfile poweroff kill sleep vmctl dmatrace edu usertests mkdir rm ln fstest
ULIB := $(patsubst %,$(B)/user/%.o,usys.S ulib.c printf.c $(filter-out lib/elf.c lib/cmdline.c,$(wildcard lib/*.c)))
UBIN := $(UPROG:%=$(B)/user/%)

$(B)/user/sh: $(B)/user/edit.c.o
$(B)/user/usertests: $(patsubst %,$(B)/user/usertests_%.c.o,lib fs proc io)
$(B)/user/dmatrace: $(patsubst %,$(B)/user/dmatrace_%.c.o,record sum json)
$(B)/user/ulib.a: $(ULIB)
	$(Q)$(AR) rcs $@ $^

$(B)/user/%: $(B)/user/%.c.o $(B)/user/ulib.a user/user.ld
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -Wl,-T,user/user.ld $(filter %.o %.a,$^) -o $@
	$(Q)$(STRIP) $@

$(B)/mkfs $(B)/fsck: $(B)/%: tools/%.c lib/fsformat.h lib/abi.h
	$(call say,HOSTCC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) -std=c11 -O2 -Wall -Wextra -I. $< -o $@

# In the image: what you put into root/; the programs; ps, free, dmesg and lspci are one under four
# names.
ROOT := $(wildcard root)
ROOT_FILES := $(if $(ROOT),$(shell find root))
FILES := $(foreach p,$(filter-out procfile,$(UPROG)),/bin/$(p)=$(B)/user/$(p)) \
	$(foreach p,ps free dmesg lspci,/bin/$(p)=$(B)/user/procfile)
SCRIPTS := $(wildcard tests/guest/*.sh)
BENCH := $(foreach w,host guest,$(foreach p,io effects depth size pages live,$p-$w $p-$w-full)) io-direct depth-direct size-direct
LOOPS := $(patsubst %,$(B)/tests/%.sh,leak promise many manysum manyedu steady race fpu fpu-SSE $(BENCH))
CHURN := $(patsubst %,$(B)/tests/churn-%.sh,1 2 3 4)
FILES += $(foreach s,$(SCRIPTS) $(LOOPS),/tests/$(notdir $(s))=$(s)) \
	/dev/ /proc/

# Those that repeat themselves: our shell has no loops.
$(B)/tests/%.sh: tests/loops.sh
	@mkdir -p $(@D)
	@$< $* >$@

# Guest kernels for the tests: those that misbehave.
HOSTILE := $(foreach k,1 2 3 4 5 6 7 8 9 10 11 12 13 14 20 $(patsubst %,%-SLOW,3 4 7 8 9 10) 12-SSE 13-SSE,$(B)/tests/hostile-$k) $(patsubst %,$(B)/tests/%,foreign steady race lost vmrun basics)
$(B)/tests/hostile-%: tests/guest/hostile.S $(B)/.toolchain Makefile
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -DKIND=$(subst -, -D,$*) $(LDFLAGS_ALL) -Wl,-N,-Ttext=0x100000 $(filter %.S,$^) -o $@

$(B)/tests/steady: tests/guest/steady.S $(B)/.toolchain Makefile
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS_ALL) -Wl,-N,-Ttext=0x100000 $(filter %.S,$^) -o $@

# And one that is not ours, and behaves.
$(B)/tests/foreign $(B)/tests/race $(B)/tests/lost $(B)/tests/vmrun $(B)/tests/basics: $(B)/tests/%: tests/guest/%.c tests/guest/foreign.c hal/hypercall.h $(B)/.toolchain Makefile
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(UCFLAGS) $(LDFLAGS_ALL) -Wl,-N,-Ttext=0x100000 $< -o $@

$(B)/guest.img: $(B)/mkfs $(UBIN) $(SCRIPTS) $(LOOPS)
	$(call say,FS,$@)
	$(Q)$(B)/mkfs $@ 3 $(FILES)

$(B)/fs.img: $(B)/mkfs $(UBIN) $(SCRIPTS) $(B)/guest.img $(B)/halcyon.elf $(HOSTILE) $(CHURN) $(ROOT_FILES)
	$(call say,FS,$@)
	$(Q)$(STRIP) -g $(B)/halcyon.elf -o $(B)/halcyon.stripped
	$(Q)$(B)/mkfs $@ $(FS_MIB) $(FILES) $(ROOT) /boot/halcyon.elf=$(B)/halcyon.stripped \
		/boot/guest.img=$(B)/guest.img $(foreach k,$(HOSTILE) $(CHURN),/tests/$(notdir $k)=$k)

# Reads a file of the image back: make -s get FILE=/path >here
get: $(B)/mkfs
	@$(B)/mkfs -x $(IMG) $(FILE)

iso: $(B)/halcyon.iso
$(B)/halcyon.iso: $(B)/halcyon.elf $(B)/fs.img tools/mkiso.sh
	$(call say,ISO,$@)
	$(Q)GRUB_MKRESCUE=$(GRUB_MKRESCUE) tools/mkiso.sh $@ $(B)/halcyon.elf $(B)/fs.img "$(APPEND)"


# The machine to play with: a host with a root disk, a data disk and edu. Leave it with Ctrl-A X.
export B QEMU BOOT CPUS MEM IOMMU ACCEL APPEND QEMUEXTRA T SLOW GRUB_MKRESCUE LLVM TOOLPREFIX
BOOT ?= iso
FS_MIB ?= 16
IMG ?= $(B)/fs.img
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
GDBPORT := $(shell expr `id -u` % 5000 + 25000)

$(B)/data.img:
	@head -c 16777216 /dev/urandom >$@

qemu: setup-run all $(B)/data.img
	@tools/qemu.sh

qemu-gdb: setup-run all $(B)/data.img
	@printf 'file %s\nsource .gdbinit\ntarget remote :%s\n' $(B)/halcyon.elf $(GDBPORT) >$(B)/gdbinit
	@echo "In another terminal: gdb -x $(B)/gdbinit"
	@QEMUEXTRA="$(QEMUEXTRA) -S -gdb tcp::$(GDBPORT)" tools/qemu.sh

demo: setup-run
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@BOOT=$(if $(filter command line,$(origin BOOT)),$(BOOT),kernel) tests/demo.sh

# Everything: what runs on the build machine, then the cases in QEMU.
test: setup-test
	@$(MAKE) --no-print-directory -j$(JOBS) all $(B)/mkfs
	@tests/run.sh $(T)

# Costs in instructions: tables and figures in $(B)/bench. FULL=1: all of the matrix; SHARD=i/n: a part of it,
# whose file raw-i-n.tsv, beside the others', `make bench-tables` makes the same tables of.
bench: setup-bench
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@$(if $(filter command line,$(origin IOMMU)),IOMMU=$(IOMMU),IOMMU=) tools/bench.sh

bench-tables: setup-bench
	@tools/bench-tables.sh

bench-readme:
	@tools/bench-readme.sh

# A recorded scene: lines, summary, JSON for Perfetto, and a page, in $(B).
trace: setup-run
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@tools/trace.sh

check: setup-check
	@tools/check.sh

setup-%:
	@tools/setup.sh $*

format:
	@clang-format -i $(shell find lib kernel hal vmm drivers user tools tests -name "*.[ch]")

clean:
	rm -rf $(B)

# For editors: how each source is compiled.
compile_commands.json: FORCE
	@awk -v k='$(CC) $(filter-out -M%,$(KCFLAGS))' -v u='$(CC) $(filter-out -M%,$(UCFLAGS))' 'BEGIN { for (i = 1; i < ARGC; i++) \
		printf "%s{\"directory\": \"$(CURDIR)\", \"file\": \"%s\", \"command\": \"%s -c %s\"}%s\n", i == 1 ? "[" : "", \
		ARGV[i], ARGV[i] ~ /^user/ ? u : k, ARGV[i], i == ARGC - 1 ? "]" : "," }' $(filter %.c,$(KSRC)) $(wildcard user/*.c) >$@

doctor:
	@tools/doctor.sh

help:
	@echo "doctor; lab grade handin lab-check grade-all: see labs/README.md"
	@echo "all qemu qemu-gdb demo test bench bench-tables bench-readme trace check iso get clean compile_commands.json; variables: IOMMU=vtd|amdvi|none CPUS=n MEM=size"
	@echo "APPEND=\"kernel command line\" BOOT=iso|uefi|kernel T=pattern SLOW=1 V=1 LLVM=1 OPT=g DEBUG=1 FULL=1 SHARD=i/n"

-include labs/labs.mk
include tests/host/host.mk
-include $(KOBJ:.o=.d) $(ULIB:.o=.d) $(UPROG:%=$(B)/user/%.c.d) $(B)/user/edit.c.d $(B)/user/dmatrace_record.c.d $(B)/user/dmatrace_sum.c.d $(B)/user/dmatrace_json.c.d $(B)/user/usertests_lib.c.d $(B)/user/usertests_fs.c.d $(B)/user/usertests_proc.c.d $(B)/user/usertests_io.c.d
.PHONY: doctor all iso get bench bench-tables bench-readme trace format qemu qemu-gdb demo test check setup clean help
.DELETE_ON_ERROR:
.PRECIOUS: $(B)/%.c.o $(B)/%.S.o $(B)/user/lib/%.c.o
